"""The backend that SwanLab's own package has works on our parts as it is, through `custom_imports`."""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

pytest.importorskip('swanlab')

CONFIG = """
custom_imports = dict(imports=["swanlab.integration.mmengine"], allow_failed_imports=False)

vis_backends = [
    dict(type="LocalVisBackend"),
    dict(
        type="SwanlabVisBackend",
        init_kwargs={
            "project": "swanlab-mmengine",
            "experiment_name": "Your exp",
            "description": "Note whatever you want",
            "mode": "offline",
        },
    ),
]

visualizer = dict(type="Visualizer", vis_backends=vis_backends, name="visualizer")
"""

RUN = """
import sys
import numpy as np
import swanlab
from mmengine.config import Config
from mmengine.registry import VISBACKENDS, VISUALIZERS
assert VISBACKENDS.get('SwanlabVisBackend').__module__ == 'mmengine.integrations.swanlab.backend'  # ours, by its name
cfg = Config.fromfile('swan.py')  # which imports theirs
visualizer = VISUALIZERS.build(dict(cfg.visualizer, save_dir='work'))
print(type(visualizer.get_backend('SwanlabVisBackend')).__module__)
visualizer.add_config(Config(dict(model=dict(depth=50))))
for step in range(5):
    visualizer.add_scalars({'loss': 1 / (1 + step)}, step)
visualizer.add_image('img', np.zeros((8, 8, 3), np.uint8), 5)
visualizer.close()
swanlab.finish()
"""


def test_the_class_of_the_platform_takes_its_name_and_records(tmp_path: Path) -> None:
    (tmp_path / 'swan.py').write_text(CONFIG)
    done = subprocess.run([sys.executable, '-c', RUN], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == 'swanlab.integration.mmengine'
    run, = (tmp_path / 'work' / 'vis_data').glob('run-*')
    records = list(records_of(run))
    kept = [(record.step, record.value.number) for kind, record in records if kind == 'scalar']
    assert kept == [(step, 1 / (1 + step)) for step in range(5)]
    assert [record.key for kind, record in records if kind == 'media'] == ['img']
    assert yaml.safe_load((run / 'files' / 'config.yaml').read_text())['model/depth']['value'] == 50


def records_of(run: Path):  # type: ignore[no-untyped-def]  # messages of the platform
    """Read a run as `swanlab sync` does."""
    from swanlab.proto.swanlab.record.v1.record_pb2 import Record
    from swanlab.sdk.internal.core_python.store import DataStoreReader
    file, = run.glob('*.swanlab')
    reader = DataStoreReader()
    reader.open(str(file))
    try:
        for raw in reader:
            record = Record()
            record.ParseFromString(raw)
            kind = record.WhichOneof('record_type')
            yield kind, getattr(record, kind)
    finally:
        reader.close()
