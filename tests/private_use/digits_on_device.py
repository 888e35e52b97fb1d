"""Train, validate, save, resume and test the digits: `digits_on_device.py BUILD|cpu FOLDER`, on the device of BUILD."""
from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
import toy_device

sys.path.insert(0, str(Path(__file__).parents[2] / 'examples' / 'digits'))
DEVICE = 'cpu' if sys.argv[1] == 'cpu' else 'toy'
if DEVICE == 'toy':
    toy_device.register(Path(sys.argv[1]))

from train import read_config  # of the example, once the device is there

from mmengine.runner import Runner
from mmengine.structures import InstanceData


def runner_of(folder: Path, **changes: Any) -> Runner:
    cfg = read_config(dict(changes, work_dir=str(folder), log_level='WARNING'))
    cfg.max_epochs = cfg.train_cfg.max_epochs = cfg.param_scheduler.T_max = 3
    cfg.visualizer.vis_backends = [dict(type='LocalVisBackend')]
    cfg.train_dataloader.pin_memory = True
    cfg.custom_hooks.append(dict(type='EMAHook'))
    cfg.default_hooks.checkpoint.async_save = True
    return Runner.from_cfg(cfg)


def end_of(runner: Runner) -> dict[str, Any]:
    metrics = runner.test()
    devices = {value.device.type for value in [*runner.model.parameters(), *runner.model.buffers()]}
    state = runner.optim_wrapper.optimizer.state.values()
    devices |= {value.device.type for values in state for name, value in values.items() if name != 'step'}
    return dict(metrics=metrics, devices=sorted(devices),
                weights={name: value.cpu() for name, value in runner.model.state_dict().items()},
                losses=runner.message_hub.get_scalar('train/loss').data[0].tolist())


def main(folder: Path) -> None:
    whole = runner_of(folder / 'whole')
    whole.train()
    ends = dict(whole=end_of(whole))
    again = runner_of(folder / 'again', load_from=str(folder / 'whole' / 'epoch_2.pth'), resume=True)
    again.train()
    ends['again'] = end_of(again)
    mixed = runner_of(folder / 'mixed', optim_wrapper=dict(type='AmpOptimWrapper', dtype='bfloat16'))
    mixed.train()
    ends['mixed'] = end_of(mixed)
    ends['moved'] = str(InstanceData(boxes=torch.ones(2, 4)).to(DEVICE).boxes.device)
    torch.save(ends, folder / 'ends.pth')


if __name__ == '__main__':
    main(Path(sys.argv[2]))
