"""Released weights by name: the addresses of upstream, the user's own, and mistakes."""
from __future__ import annotations

import functools
import json
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from torch import nn

from mmengine.checkpoint import CheckpointLoader, UnknownWeightsError
from mmengine.model import BaseModule
from mmengine.runner import (
    get_deprecated_model_names,
    get_external_models,
    get_mmcls_models,
    get_torchvision_models,
)
from mmengine.runner.checkpoint import load_from_pavi

WEIGHTS = {'weight': torch.ones(1, 2), 'bias': torch.zeros(1)}


@pytest.fixture(autouse=True)
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders of torch's cache and of ours, both empty."""
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch'))
    monkeypatch.setenv('MMENGINE_HOME', str(tmp_path / 'home'))
    (tmp_path / 'home').mkdir()
    cache = tmp_path / 'torch' / 'hub' / 'checkpoints'
    cache.mkdir(parents=True)
    return cache


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """Serves the file `w.pth`."""
    (tmp_path / 'www').mkdir()
    torch.save(WEIGHTS, tmp_path / 'www' / 'w.pth')

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(Quiet, directory=tmp_path / 'www')) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f'http://127.0.0.1:{http.server_port}/w.pth'
        http.shutdown()


def own_names(tmp_path: Path, names: object) -> None:
    (tmp_path / 'home' / 'open_mmlab.json').write_text(json.dumps(names), encoding='utf-8')


@pytest.mark.parametrize(('name', 'file'), [
    ('torchvision://resnet50', 'resnet50-0676ba61.pth'), ('modelzoo://resnet50', 'resnet50-0676ba61.pth'),
    ('open-mmlab://resnet50_v1c', 'resnet50_v1c-2cccc1ad.pth'), ('openmmlab://msra/hrnetv2_w18', None),
    ('mmcls://mobilenet_v2', 'mobilenet_v2_batch256_imagenet_20200708-3b2dc3af.pth')])
@pytest.mark.filterwarnings('ignore:modelzoo')
def test_a_released_file_is_taken_from_the_cache(homes: Path, name: str, file: str | None) -> None:
    torch.save(WEIGHTS, homes / (file or get_external_models()['msra/hrnetv2_w18'].rsplit('/', 1)[1]))
    assert torch.equal(CheckpointLoader.load_checkpoint(name)['weight'], WEIGHTS['weight'])


def test_the_names_of_all_tables_have_addresses() -> None:
    for table, least in ((get_external_models(), 48), (get_mmcls_models(), 57), (get_torchvision_models(), 53)):
        assert len(table) >= least
        assert all(address.startswith('https://') and address.endswith('.pth') for address in table.values())
    assert set(get_deprecated_model_names().values()) <= set(get_external_models())


def test_pretrained_weights_of_a_config(tmp_path: Path, server: str) -> None:
    own_names(tmp_path, {'mine': server})

    class Own(BaseModule):
        def __init__(self) -> None:
            super().__init__(init_cfg=dict(type='Pretrained', checkpoint='open-mmlab://mine'))
            self.layer = nn.Linear(2, 1)
            self.weight, self.bias = self.layer.weight, self.layer.bias

    model = Own()
    model.init_weights()
    assert torch.equal(model.layer.weight, WEIGHTS['weight'])


def test_a_path_in_the_users_file(tmp_path: Path) -> None:
    own_names(tmp_path, {'mine': 'weights/w.pth'})
    with pytest.raises(FileNotFoundError, match=r'w\.pth is not there: .*open_mmlab.json gives it for open-mmlab://min'):
        CheckpointLoader.load_checkpoint('open-mmlab://mine')
    (tmp_path / 'home' / 'weights').mkdir()
    torch.save(WEIGHTS, tmp_path / 'home' / 'weights' / 'w.pth')
    assert torch.equal(CheckpointLoader.load_checkpoint('open-mmlab://mine')['bias'], WEIGHTS['bias'])


def test_a_renamed_one(homes: Path) -> None:
    torch.save(WEIGHTS, homes / get_external_models()['detectron/resnet50_caffe'].rsplit('/', 1)[1])
    with pytest.warns(DeprecationWarning, match='write open-mmlab://detectron/resnet50_caffe'):
        CheckpointLoader.load_checkpoint('open-mmlab://resnet50_caffe')


@pytest.mark.parametrize(('name', 'nearest'), [
    ('torchvision://resnet51', 'resnet50'), ('open-mmlab://resnet50_v1', 'resnet50_v1c'),
    ('mmcls://mobilenet_v', 'mobilenet_v2'), ('torchvision://resnet50.IMAGENET1K_V9', 'resnet50')])
def test_a_name_that_is_not_known(name: str, nearest: str) -> None:
    with pytest.raises(UnknownWeightsError, match=f'{name}: there are no released weights .*{nearest}'):
        CheckpointLoader.load_checkpoint(name)


@pytest.mark.parametrize('text', ['[1]', '{'])
def test_a_users_file_of_another_kind(tmp_path: Path, text: str) -> None:
    (tmp_path / 'home' / 'open_mmlab.json').write_text(text, encoding='utf-8')
    with pytest.raises(ValueError, match=r'open_mmlab\.json should hold addresses by name as JSON'):
        CheckpointLoader.load_checkpoint('open-mmlab://mine')


def test_the_model_cloud() -> None:
    with pytest.raises(AssertionError, match='expected filename to start with pavi://'):
        load_from_pavi('MyPaviFolder/checkpoint.pth')
    with pytest.raises(ImportError, match='the package `pavi` is needed'):
        CheckpointLoader.load_checkpoint('pavi://a/b.pth')
