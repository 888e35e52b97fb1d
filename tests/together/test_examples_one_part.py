"""The examples of one part alone, as their README runs them."""
from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest


def test_a_registry_in_a_library(run_example: Callable[..., str]) -> None:
    said = run_example('one_part/registry_alone.py')
    assert 'statement\n' in said
    assert "LowerCas is not in the tidy::step registry. Did you mean 'LowerCase'?" in said
    assert 'torch is loaded: False' in said


@pytest.fixture
def address(example: Path) -> Iterator[str]:
    program = example.parent / 'one_part' / 'config_service.py'
    service = subprocess.Popen([sys.executable, str(program), '0'], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                               text=True)
    assert service.stdout is not None
    try:
        yield service.stdout.readline().strip().removesuffix('/large')
    finally:
        service.terminate()
        service.wait()
        service.stdout.close()


def get(address: str) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(address) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_configs_in_a_service(address: str) -> None:
    status, found = get(f'{address}/large?model.width=32&optimizer.type=Adam')
    assert (status, found['model']) == (200, {'type': 'Net', 'depth': 101, 'width': 32})
    assert (found['batch_size'], found['optimizer']) == (8, {'type': 'Adam', 'lr': 0.1})
    assert get(f'{address}/base')[1]['model']['width'] == 64  # no request sees what another has set
    status, found = get(f'{address}/large?model.widht=32')
    assert status == 404
    assert "Did you mean 'model.width'" in found['error']
    assert get(f'{address}/huge') == (404, {'error': "no config 'huge', but base, large"})


def test_two_trackers_and_no_engine(run_example: Callable[..., str], tmp_path: Path, tests_of: Callable[[str], Any],
                                    monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ('DATA', 'CACHE', 'CONFIG'):
        monkeypatch.setenv(f'WANDB_{name}_DIR', str(tmp_path / name))
    monkeypatch.setenv('WANDB_ERROR_REPORTING', 'false')
    said = run_example('one_part/two_trackers.py')
    shown = [float(line.split()[2]) for line in said.splitlines() if line.startswith('epoch ')]
    assert shown[-1] > 90
    folder = tmp_path / 'work_dirs' / 'two_trackers' / 'vis_data'
    for tracker in ('tensorboard', 'wandb'):
        records = reader_of(tests_of(tracker))(folder)
        kept = records.scalars['accuracy']
        assert [step for step, _ in kept] == [1, 2, 3, 4, 5]
        assert [round(value, 1) for _, value in kept] == pytest.approx(shown)
        (step, picture), = records.images['mistakes']
        assert (step, picture.shape[0]) == (5, 64)


def reader_of(module: Any) -> Callable[[Path], Any]:
    contract = next(value for name, value in vars(module).items() if name.endswith('Contract')
                    and hasattr(value, 'backend_class'))
    return contract().read  # type: ignore[no-any-return]
