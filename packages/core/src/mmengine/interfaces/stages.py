"""The points of a run at which hooks are called, in the order of a run."""
from __future__ import annotations

#: Every stage that the runner calls by itself. Custom loops may call further ones by name.
STAGES: tuple[str, ...] = (
    'before_run',
    'after_load_checkpoint',
    'before_train',
    'before_train_epoch',
    'before_train_iter',
    'after_train_iter',
    'after_train_epoch',
    'before_val',
    'before_val_epoch',
    'before_val_iter',
    'after_val_iter',
    'after_val_epoch',
    'after_val',
    'before_save_checkpoint',
    'after_train',
    'before_test',
    'before_test_epoch',
    'before_test_iter',
    'after_test_iter',
    'after_test_epoch',
    'after_test',
    'after_run',
)

#: `_before_iter` and its kin stand for the stage of each of these modes.
MODES: tuple[str, ...] = ('train', 'val', 'test')
