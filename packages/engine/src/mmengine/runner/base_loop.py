"""The base class of loops."""
from __future__ import annotations

from abc import ABCMeta, abstractmethod
from typing import Any

from torch.utils.data import DataLoader

from mmengine.runner.exact_loader import end_workers, exact


class BaseLoop(metaclass=ABCMeta):
    """Runs over a data loader.

    Args:
        runner: The runner that the loop belongs to.
        dataloader: The data loader or its config.
    """

    def __init__(self, runner: Any, dataloader: DataLoader[Any] | dict[str, Any]) -> None:
        self._runner = runner
        self.dataloader: Any = self._build_dataloader(dataloader)

    def _build_dataloader(self, dataloader: Any) -> Any:
        if not isinstance(dataloader, dict):
            return exact(dataloader)
        # Each rank draws its own numbers in the workers unless the run asks for the same on all.
        diff_rank_seed = self._runner._randomness_cfg.get('diff_rank_seed', False)
        return self._runner.build_dataloader(dataloader, seed=self._runner.seed, diff_rank_seed=diff_rank_seed)

    def close(self) -> None:
        """End the workers that the loader keeps; they start again when it is used again."""
        end_workers(self.dataloader)

    @property
    def runner(self) -> Any:
        """The runner that the loop belongs to."""
        return self._runner

    @abstractmethod
    def run(self) -> Any:
        """Run the loop."""
