"""One of two ranks, of which the second has losses that are not finite: `nonfinite_on_ranks.py FOLDER`."""
from __future__ import annotations

import math
import os
import sys
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn

from mmengine.hooks import NonFiniteLossError, NonFiniteLossHook
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapper


def skip(rank: int) -> dict[str, torch.Tensor]:
    """Leave out the second of two accumulated batches, after which the ranks would have shared their gradients."""
    torch.manual_seed(0)
    plain, inputs = nn.Linear(2, 1), torch.rand(2, 2, 4, 2)  # by rank and batch
    expected = plain.weight.detach() - 0.1 * inputs[:, 0].sum(1).mean(0) / 2
    model = MMDistributedDataParallel(plain)
    wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1), accumulative_counts=2)
    hook = NonFiniteLossHook(action='skip')
    hook.before_train(SimpleNamespace(optim_wrapper=wrapper, hooks=[]))
    for number, batch in enumerate(inputs[rank]):
        with wrapper.optim_context(model):
            loss = model(batch).sum()
        wrapper.update_params(loss * (math.nan if rank == number == 1 else 1))
    hook.close()
    return dict(weight=plain.weight.detach(), expected=expected)


def stop(rank: int) -> str:
    """Give the error that ends both."""
    hook = NonFiniteLossHook(action='stop', interval=1)
    runner: Any = SimpleNamespace(iter=0, hooks=[], optim_wrapper=None)
    hook.before_train(runner)
    try:
        hook.after_train_iter(runner, 0, dict(data_samples=[dict(sample_idx=6 + rank)]),
                              dict(loss=torch.tensor(math.nan if rank else 1.0)))
    except NonFiniteLossError as error:
        return str(error)
    return 'no error'


def main(folder: str) -> None:
    torch.distributed.init_process_group('gloo')
    rank = torch.distributed.get_rank()
    torch.save(dict(skip(rank), error=stop(rank)), f'{folder}/{os.environ["RANK"]}.pth')
    torch.distributed.destroy_process_group()


if __name__ == '__main__':
    main(*sys.argv[1:])
