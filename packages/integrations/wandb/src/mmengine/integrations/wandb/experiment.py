"""What existing code gets as the tracker's own object: one run, with the names of the module behind it."""
from __future__ import annotations

from typing import Any


class Experiment:
    """A run of Weights & Biases that also has the classes of the module, as `experiment.Image`.

    Existing code treats it like the module `wandb`; calls such as `log` reach this run, whatever other runs the
    process has.

    Args:
        run: The run.
        module: The module `wandb`.
    """

    def __init__(self, run: Any, module: Any) -> None:
        self.run = run
        self._module = module

    def __getattr__(self, name: str) -> Any:
        for owner in (self.run, self._module):
            try:
                return getattr(owner, name)
            except AttributeError:
                continue
        raise AttributeError(f'neither the run nor the module wandb has an attribute {name!r}')

    def __repr__(self) -> str:
        return f'Experiment({self.run!r})'
