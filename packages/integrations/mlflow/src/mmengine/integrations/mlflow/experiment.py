"""What existing code gets as the tracker's own object: one run, with the functions of the module `mlflow`."""
from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from typing import Any


class Experiment:
    """One run of MLflow with what existing code calls on the module, such as `experiment.log_artifact(path)`.

    The functions of the module write to whatever run the process has active; these write to this run. A method of the
    client that takes a run gets this one, and names that the client has not are those of the module.

    Args:
        client: The `MlflowClient`.
        run_id: The run.
        module: The module `mlflow`.
    """

    def __init__(self, client: Any, run_id: str, module: Any) -> None:
        self.client = client
        self.run_id = run_id
        self._module = module

    def log_metric(self, key: str, value: float, step: int | None = None, **kwargs: Any) -> None:
        """Record a number."""
        self.client.log_metric(self.run_id, key, value, step=step, **kwargs)

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None, **kwargs: Any) -> None:
        """Record several numbers of one step."""
        for key, value in metrics.items():
            self.log_metric(key, value, step, **kwargs)

    def log_params(self, params: Mapping[str, Any], **kwargs: Any) -> None:
        """Record several settings."""
        for key, value in params.items():
            self.client.log_param(self.run_id, key, value, **kwargs)

    def set_tags(self, tags: Mapping[str, Any], **kwargs: Any) -> None:
        """Set several tags."""
        for key, value in tags.items():
            self.client.set_tag(self.run_id, key, value, **kwargs)

    def active_run(self) -> Any:
        """Give the run as the store has it."""
        return self.client.get_run(self.run_id)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.client, name, None)
        if method is None:
            return getattr(self._module, name)
        first = next(iter(inspect.signature(method).parameters), None) if callable(method) else None
        return functools.partial(method, self.run_id) if first == 'run_id' else method

    def __repr__(self) -> str:
        return f'Experiment({self.run_id!r})'
