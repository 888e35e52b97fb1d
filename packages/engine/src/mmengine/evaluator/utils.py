"""Look-up of a metric by its name, with or without prefix."""
from __future__ import annotations

from typing import Any

from mmengine.utils.suggest import did_you_mean


def get_metric_value(indicator: str, metrics: dict[str, Any]) -> Any:
    """Get the value of a metric.

    Args:
        indicator: Its name, with the prefix (`coco/bbox_mAP`) or, where that is unambiguous, without (`bbox_mAP`).
        metrics: Values by name.

    Raises:
        ValueError: No metric, or several, have that name.
    """
    if indicator in metrics:
        return metrics[indicator]
    matched = [] if '/' in indicator else [name for name in metrics if name.split('/')[-1] == indicator]
    if not matched:
        bare = [name.split('/')[-1] for name in metrics]
        raise ValueError(f'The indicator "{indicator}" can not match any metric in {list(metrics)}.'
                         f'{did_you_mean(indicator, [*metrics, *bare])}')
    if len(matched) > 1:
        raise ValueError(f'The indicator "{indicator}" matches multiple metrics {matched}: say which one is meant')
    return metrics[matched[0]]
