"""Mistakes of users and trouble with disks: each says what is wrong, and nothing is lost."""
from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from mmengine.config import Config
from mmengine.runner import Runner

Build = Callable[..., Runner]


def test_config_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match='nowhere.py'):
        Config.fromfile(tmp_path / 'nowhere.py')


def test_syntax_error_in_config(tmp_path: Path) -> None:
    file = tmp_path / 'broken.py'
    file.write_text('a = 1\nb = dict(c=\n')
    with pytest.raises(SyntaxError) as caught:
        Config.fromfile(file)
    assert 'broken.py' in str(caught.value)
    assert '2' in str(caught.value)


def test_misspelt_type(build: Build) -> None:
    with pytest.raises(KeyError) as caught:
        build(model__type='SmalNet')
    text = str(caught.value)
    assert 'SmalNet' in text
    assert "'SmallNet'" in text
    assert 'mmengine' in text  # the scope
    assert 'custom_imports' in text  # the line to add


def test_misspelt_argument_names_class_valid_names_and_line(tmp_path: Path, example: Path) -> None:
    config = tmp_path / 'config.py'
    config.write_text(f"_base_ = {str(example / 'config.py')!r}\n"
                      f"work_dir = {str(tmp_path / 'work')!r}\n\n"
                      "model = dict(type='SmallNet', num_classes=10, widht=16)\n")
    with pytest.raises(TypeError) as caught:
        Runner.from_cfg(Config.fromfile(config))
    text = str(caught.value)
    for part in ('SmallNet', 'widht', 'width', 'num_classes', f'{config}:4'):
        assert part in text


@pytest.mark.skipif(os.name == 'nt', reason='a file in the place of a folder')
def test_work_dir_that_cannot_be_written(build: Build, tmp_path: Path) -> None:
    (tmp_path / 'occupied').write_text('a file')
    with pytest.raises(OSError, match='occupied'):
        build('occupied/work').train()


def test_disk_that_fills_up_leaves_the_old_checkpoint_whole(build: Build) -> None:
    resource = pytest.importorskip('resource', reason='limits the size of files as a full disk does')
    runner = build(train_cfg__max_epochs=1)
    runner.train()
    file = Path(runner.work_dir, 'epoch_1.pth')
    before = file.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, limits[1]))
    try:
        with pytest.raises(OSError, match='epoch_1.pth'):
            runner.save_checkpoint(runner.work_dir, 'epoch_1.pth')
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert file.read_bytes() == before
    assert {f.name for f in file.parent.glob('*epoch_1*')} - {'epoch_1.pth'} <= {'best_accuracy_epoch_1.pth'}


def test_truncated_checkpoint_falls_back_to_the_newest_whole_one(
        build: Build, capsys: pytest.CaptureFixture[str]) -> None:
    runner = build(train_cfg__max_epochs=3)
    runner.train()
    newest = Path(runner.work_dir, 'epoch_3.pth')
    newest.write_bytes(newest.read_bytes()[:1000])
    resumed = build(train_cfg__max_epochs=4, resume=True)
    resumed.train()
    printed = capsys.readouterr()
    assert 'epoch_3.pth' in printed.out + printed.err
    assert 'epoch_2.pth' in printed.out + printed.err
    assert torch.load(Path(runner.work_dir, 'epoch_4.pth'), weights_only=False)['meta']['epoch'] == 4
