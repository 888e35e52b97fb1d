"""The base class of loops."""
from __future__ import annotations

from abc import ABCMeta, abstractmethod
from typing import Any

from torch.utils.data import DataLoader


class BaseLoop(metaclass=ABCMeta):
    """Runs over a data loader.

    Args:
        runner: The runner that the loop belongs to.
        dataloader: The data loader or its config.
    """

    def __init__(self, runner: Any, dataloader: DataLoader[Any] | dict[str, Any]) -> None:
        self._runner = runner
        if isinstance(dataloader, dict):
            # Each rank draws its own numbers in the workers unless the run asks for the same on all.
            diff_rank_seed = runner._randomness_cfg.get('diff_rank_seed', False)
            self.dataloader: Any = runner.build_dataloader(dataloader, seed=runner.seed, diff_rank_seed=diff_rank_seed)
        else:
            self.dataloader = dataloader

    @property
    def runner(self) -> Any:
        """The runner that the loop belongs to."""
        return self._runner

    @abstractmethod
    def run(self) -> Any:
        """Run the loop."""
