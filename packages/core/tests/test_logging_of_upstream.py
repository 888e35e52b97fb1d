"""Histories and hubs that mmengine 0.10.7 pickled, with NumPy 1 and NumPy 2: the files in `data/` are its own.

They were written by `pickle.dump` of: a history of `max_length=5` after `update(i * 0.5, i + 1)` for seven `i`; a hub
with three updates of `train/loss` (1, 1/2, 1/3; count 4) and `train/lr` (0.01), facts `epoch` and `dataset_meta`, and
a fact `secret` that is not resumed; and the `state_dict()` of that hub.
"""
from __future__ import annotations

import pickle
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from mmengine.logging import HistoryBuffer, MessageHub

DATA = Path(__file__).with_name('data')


def load(numpy: str, name: str) -> Any:
    return pickle.loads((DATA / f'mmengine0107_{numpy}_{name}.pkl').read_bytes())


@pytest.fixture(params=['numpy1', 'numpy2'])
def numpy(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_history(numpy: str):
    history = load(numpy, 'history')
    assert type(history) is HistoryBuffer
    values, counts = history.data
    assert values.tolist() == [1.0, 1.5, 2.0, 2.5, 3.0]
    assert counts.tolist() == [3, 4, 5, 6, 7]
    assert history.max_length == 5
    assert history.current() == 3.0
    assert history.mean(2) == pytest.approx((2.5 * 6 + 3.0 * 7) / 13)
    assert history.statistics('min') == 1.0
    history.update(9.0)  # goes on
    assert history.data[0].tolist() == [1.5, 2.0, 2.5, 3.0, 9.0]


@pytest.mark.parametrize('name', ['hub', 'hub_state'])
def test_hub(numpy: str, name: str):
    hub = MessageHub('resumed')
    hub.load_state_dict(load(numpy, name))
    assert hub.get_scalar('train/loss').data[0].tolist() == pytest.approx([1, 1 / 2, 1 / 3])
    assert hub.get_scalar('train/loss').data[1].tolist() == [4, 4, 4]
    assert hub.get_scalar('train/lr').mean() == pytest.approx(0.01)
    assert hub.get_info('epoch') == 2
    assert hub.get_info('dataset_meta') == {'classes': ('cat', 'dog')}
    assert hub.get_info('secret') == (1 if name == 'hub' else None)
    assert type(pickle.loads(pickle.dumps(hub.get_scalar('train/loss')))) is HistoryBuffer


def test_nothing_but_core_is_loaded_for_it(numpy: str):
    """Neither torch nor another part, and no warning."""
    code = f"""
    import pickle, sys
    with open({str(DATA / f'mmengine0107_{numpy}_hub.pkl')!r}, 'rb') as file:
        hub = pickle.load(file)
    print('torch' in sys.modules, sorted({{name.split('.')[1] for name in sys.modules if name.startswith('mmengine.')}}
                                         - {{'_lazy', '_parts', 'version', 'logging', 'utils'}}))
    """
    done = subprocess.run([sys.executable, '-W', 'error', '-c', textwrap.dedent(code)], capture_output=True, text=True,
                          timeout=120, check=True)
    assert done.stdout.split() == ['False', '[]']
