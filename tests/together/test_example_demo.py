"""The demo as a newcomer runs it, only shorter."""
from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


def test_demo_trains_tests_resumes_and_shows_its_files(example: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(example / 'demo.py'), 'train_cfg.max_epochs=4', f'work_dir={tmp_path}/work']
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'bit for bit' in done.stdout
    run = next(path for path in (tmp_path / 'work').iterdir() if (path / 'vis_data').is_dir())
    assert {'curves.png', 'predictions.png'} <= {file.name for file in run.rglob('*.png')}
    scalars = [json.loads(line) for line in (run / 'vis_data' / 'scalars.json').read_text().splitlines()]
    assert [s['accuracy'] for s in scalars if 'accuracy' in s][-1] > 90
    assert list((tmp_path / 'work').glob('best_accuracy_epoch_*.pth'))
    assert (tmp_path / 'work' / 'last_checkpoint').read_text().endswith('epoch_4.pth')
    assert (tmp_path / 'work' / 'config.py').exists()


def test_fashion_says_what_to_install(example: Path, tmp_path: Path) -> None:
    from fashion import Fashion
    with pytest.raises(FileNotFoundError, match='apt-get install dataset-fashion-mnist'):
        Fashion('train', [], folder=tmp_path)


def test_fashion_reads_idx_files(tmp_path: Path) -> None:
    import gzip
    import struct

    import numpy as np
    from fashion import VAL, Fashion
    count = VAL + 7
    pixels = np.random.default_rng(0).integers(0, 256, (count, 28, 28), dtype=np.uint8)
    labels = (np.arange(count) % 10).astype(np.uint8)
    for name, array in (('images-idx3', pixels), ('labels-idx1', labels)):
        head = bytes([0, 0, 8, array.ndim]) + struct.pack(f'>{array.ndim}i', *array.shape)
        (tmp_path / f'train-{name}-ubyte.gz').write_bytes(gzip.compress(head + array.tobytes(), 1))
    train = Fashion('train', [], folder=tmp_path)
    assert len(train) == 7
    assert len(Fashion('val', [], folder=tmp_path)) == VAL
    assert train[3]['label'] == 3
    assert np.allclose(train[3]['picture'] * 255, pixels[3])
    (tmp_path / 'train-labels-idx1-ubyte.gz').write_bytes(gzip.compress(b'<html>'))
    with pytest.raises(ValueError, match='is no IDX file'):
        Fashion('train', [], folder=tmp_path).full_init()
