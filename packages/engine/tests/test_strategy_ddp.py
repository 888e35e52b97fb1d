"""Two ranks on the CPU train one model, and resume it exactly."""
from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Any

import torch
import torch.multiprocessing as mp


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return int(probe.getsockname()[1])


def train(rank: int, port: int, folder: str, load_from: str | None, name: str) -> None:
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE='2', LOCAL_WORLD_SIZE='2',
                      MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port))
    sys.path.insert(0, str(Path(__file__).parent))
    import conftest

    from mmengine.registry import DATASETS, METRICS, MODELS
    from mmengine.runner import Runner
    for registry, item in ((MODELS, conftest.LineModel), (DATASETS, conftest.LinePoints), (METRICS, conftest.Error)):
        registry.register_module(module=item)
    loader = conftest.line_cfg(folder)['train_dataloader']
    loader['dataset']['noisy'] = True
    cfg = conftest.line_cfg(
        f'{folder}/{name}', launcher='pytorch', randomness=dict(seed=5, diff_rank_seed=True), load_from=load_from,
        resume=load_from is not None, env_cfg=dict(dist_cfg=dict(backend='gloo')), train_dataloader=loader,
        default_hooks=dict(checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=1)))
    runner = Runner.from_cfg(cfg)
    assert runner.world_size == 2
    assert type(runner.model).__name__ == 'MMDistributedDataParallel'
    runner.train()
    metrics = runner.test()
    torch.save(dict(state=runner.model.module.state_dict(), metrics=metrics, timestamp=runner.timestamp),
               f'{folder}/{name}_{rank}.pth')
    torch.distributed.destroy_process_group()


def run(folder: Path, name: str, load_from: str | None = None) -> list[Any]:
    mp.spawn(train, (free_port(), str(folder), load_from, name), nprocs=2)  # type: ignore[no-untyped-call]
    return [torch.load(folder / f'{name}_{rank}.pth', weights_only=False) for rank in (0, 1)]


def test_two_ranks_train_and_resume(tmp_path: Path) -> None:
    whole = run(tmp_path, 'whole')
    assert whole[0]['timestamp'] == whole[1]['timestamp']
    assert whole[0]['metrics'] == whole[1]['metrics']
    for name, value in whole[0]['state'].items():
        if 'running' not in name:  # each rank has the statistics of its own batches
            assert torch.equal(value, whole[1]['state'][name]), name
    resumed = run(tmp_path, 'resumed', str(tmp_path / 'whole' / 'iter_4.pth'))
    for name, value in whole[0]['state'].items():
        assert torch.equal(value, resumed[0]['state'][name]), name
    assert len(list((tmp_path / 'whole').glob('*/*.log'))) == 1
