"""All rules, in the order in which they build on each other."""
from __future__ import annotations

from collections.abc import Callable

from mmengine.config.config import Config
from mmengine.config.migration import data, differences, run, schedule
from mmengine.config.migration.draft import BY_HAND, NOTE, Draft

RULES: tuple[Callable[[Draft], None], ...] = (
    schedule.model_settings, schedule.length, schedule.optimizer, schedule.rates, data.data, run.checkpoints,
    data.evaluation, run.logging, run.hooks, run.workflow, run.environment, run.resuming, run.pretrained)
DIFFERENCES: tuple[Callable[[Draft], None], ...] = (
    differences.trackers, differences.parameter_groups, differences.checkpoints, differences.randomness)


def migrate_config(cfg: Config) -> Draft:
    """Find out what of a config changes, and make the new values; the config stays as it is.

    Args:
        cfg: A config in the form of MMCV 1.x, of mmengine 0.10, or between them.

    Returns:
        The findings, and the values of the new config.
    """
    draft = Draft(cfg)
    for rule in RULES:
        rule(draft)
    was_old = any(finding.kind != NOTE for finding in draft.findings)
    if was_old and 'default_scope' not in draft.values:
        draft.find('default_scope', "default_scope = 'mmdet'  # the import name of your library",
                   "Names are looked up in the library's registries by its import name.", BY_HAND)
    for rule in DIFFERENCES:
        rule(draft)
    return draft
