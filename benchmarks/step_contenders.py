"""The loops that bench_step races: each trains the same model on the same batches, in the Python that has its library.

    PYTHON step_contenders.py NAME

answers a line of JSON per line of JSON on its standard input: `{"case": "tiny", "blocks": 20, "size": 50}` trains so
many blocks of iterations. The contender and a bare loop take turns, block by block, in two threads of which one waits,
so that whatever else the machine does falls on both; the answer lists their CPU and wall seconds of each block. The
clocks are read by the data set when it is asked for a batch, which costs every contender the same.
"""
from __future__ import annotations

import itertools
import json
import logging
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, IterableDataset

WARM_UP = {'tiny': 50, 'resnet18': 3}  # iterations
SPARE = 10  # batches that a loop may fetch ahead
LR = 0.01


class Block(nn.Module):
    """Two convolutions with a way around them, of a ResNet."""

    def __init__(self, before: int, channels: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, channels, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(channels)
        self.second = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(channels)
        self.around: nn.Module = nn.Identity()
        if stride != 1 or before != channels:
            self.around = nn.Sequential(nn.Conv2d(before, channels, 1, stride, bias=False), nn.BatchNorm2d(channels))

    def forward(self, images: Tensor) -> Tensor:
        """Add both ways."""
        found = functional.relu(self.first_norm(self.first(images)))
        return functional.relu(self.second_norm(self.second(found)) + self.around(images))


def resnet18(classes: int = 10) -> nn.Sequential:
    """Make the network of He et al. (2015) with 18 layers."""
    stem = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    widths = [64, 64, 128, 256, 512]
    stages = [Block(before if first else after, after, 2 if first and after > 64 else 1)
              for before, after in itertools.pairwise(widths) for first in (True, False)]
    return nn.Sequential(*stem, *stages, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, classes))


def tiny() -> nn.Sequential:
    """Make a network so small that the work around the step shows."""
    return nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 4))


CASES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], int]] = {
    'tiny': (tiny, (4, 16), 4),
    'resnet18': (resnet18, (8, 3, 64, 64), 10),
}


class Baton:
    """Lets two threads run by turns."""

    def __init__(self) -> None:
        self._turns = threading.Semaphore(1), threading.Semaphore(0)

    def take(self, runner: int) -> None:
        """Wait for the turn."""
        self._turns[runner].acquire()

    def hand_on(self, runner: int) -> None:
        """Let the other one run."""
        self._turns[1 - runner].release()


class Stream(IterableDataset[tuple[Tensor, Tensor]]):
    """The same batch again and again: loading costs next to nothing, and the clocks are read at the ends of blocks."""

    def __init__(self, case: str, blocks: int, size: int, baton: Baton, runner: int) -> None:
        torch.manual_seed(0)
        _, shape, classes = CASES[case]
        self.batch = torch.randn(shape), torch.randint(0, classes, shape[:1])
        self.blocks: list[tuple[float, float]] = []
        start = WARM_UP[case]
        self._ends = range(start, start + blocks * size + 1, size)
        self._baton, self._runner = baton, runner
        self.length = self._ends[-1] + SPARE

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Give batches."""
        self._baton.take(self._runner)
        begin: tuple[float, float] | None = None
        for index in range(self.length):
            if index in self._ends:
                if begin is not None:
                    self.blocks.append((time.thread_time() - begin[0], time.perf_counter() - begin[1]))
                self._baton.hand_on(self._runner)
                if index < self._ends[-1]:
                    self._baton.take(self._runner)
                begin = time.thread_time(), time.perf_counter()
            yield self.batch

    def loader(self) -> DataLoader[Any]:
        """Give the loader that all take; upstream's hooks want a sampler that is told of the epoch."""
        loader = DataLoader(self, batch_size=None)
        loader.sampler.set_epoch = lambda epoch: None  # type: ignore[attr-defined]
        return loader


def make(case: str) -> tuple[nn.Module, torch.optim.Optimizer]:
    """Make model and optimizer, with the same weights each time."""
    torch.manual_seed(0)
    model = CASES[case][0]()
    return model, torch.optim.SGD(model.parameters(), lr=LR, momentum=0.9)


def bare(case: str, stream: Stream, folder: str) -> None:
    """Train in a loop as one writes it by hand."""
    model, optimizer = make(case)
    model.train()
    for inputs, labels in itertools.islice(stream.loader(), stream.length - 1):
        loss = functional.cross_entropy(model(inputs), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def mmengine(case: str, stream: Stream, folder: str) -> None:
    """Train with the runner: all default hooks, a line of the log and of the local record every ten iterations."""
    from mmengine.model import BaseModel
    from mmengine.runner import Runner

    class Wrapped(BaseModel):
        def __init__(self) -> None:
            super().__init__()
            self.net, _ = make(case)

        def forward(self, inputs: Tensor, labels: Tensor, mode: str = 'tensor') -> Any:
            return {'loss': functional.cross_entropy(self.net(inputs), labels)}

    Runner(
        model=Wrapped(), work_dir=folder, train_dataloader=stream.loader(),
        train_cfg={'by_epoch': False, 'max_iters': stream.length - 1},
        optim_wrapper={'optimizer': {'type': 'SGD', 'lr': LR, 'momentum': 0.9}},
        param_scheduler={'type': 'LinearLR', 'by_epoch': False, 'start_factor': 0.1, 'end': stream.length},
        log_processor={'by_epoch': False},
    ).train()


def lightning(case: str, stream: Stream, folder: str) -> None:
    """Train with Lightning's Trainer, which logs the loss every ten iterations to a local file."""
    from lightning import LightningModule, Trainer
    from lightning.pytorch.loggers import CSVLogger

    class Wrapped(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net, self.optimizer = make(case)

        def training_step(self, batch: Any, index: int) -> Any:
            loss = functional.cross_entropy(self.net(batch[0]), batch[1])
            self.log('loss', loss)
            return loss

        def configure_optimizers(self) -> Any:
            return self.optimizer

    Trainer(max_steps=stream.length - 1, accelerator='cpu', logger=CSVLogger(folder), log_every_n_steps=10,
            enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
            ).fit(Wrapped(), stream.loader())


def ignite(case: str, stream: Stream, folder: str) -> None:
    """Train with Ignite's trainer, which records nothing."""
    from ignite.engine import create_supervised_trainer

    model, optimizer = make(case)
    trainer = create_supervised_trainer(model, optimizer, functional.cross_entropy)
    trainer.run(stream.loader(), max_epochs=1, epoch_length=stream.length - 1)


def accelerate(case: str, stream: Stream, folder: str) -> None:
    """Train in a loop with what Accelerate prepares, which records nothing."""
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=True)
    model, optimizer, loader = accelerator.prepare(*make(case), stream.loader())
    model.train()
    for inputs, labels in itertools.islice(loader, stream.length - 1):
        loss = functional.cross_entropy(model(inputs), labels)
        optimizer.zero_grad()
        accelerator.backward(loss)
        optimizer.step()


CONTENDERS: dict[str, Callable[[str, Stream, str], None]] = {
    'bare': bare, 'mmengine': mmengine, 'lightning': lightning, 'ignite': ignite, 'accelerate': accelerate}


def race(name: str, case: str, blocks: int, size: int) -> dict[str, list[tuple[float, float]]]:
    """Train with both, and give the CPU and wall seconds of each block of the contender and of the bare loop."""
    baton = Baton()
    mine, plain = (Stream(case, blocks, size, baton, runner) for runner in (0, 1))
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(StringIO()), ThreadPoolExecutor(2) as threads:
        # Neither of them in the main thread, whose memory is in pieces after all the imports.
        for done in [threads.submit(CONTENDERS[name], case, mine, folder), threads.submit(bare, case, plain, '')]:
            done.result()
    return {name: mine.blocks, 'bare loop': plain.blocks}


def main() -> None:
    """Answer until the input ends."""
    warnings.simplefilter('ignore')
    torch.set_num_threads(1)
    for line in sys.stdin:
        if 'lightning' in sys.modules:
            logging.getLogger('lightning.pytorch').setLevel(logging.ERROR)
        print(json.dumps(race(sys.argv[1], **json.loads(line))), file=sys.__stdout__, flush=True)


if __name__ == '__main__':
    main()
