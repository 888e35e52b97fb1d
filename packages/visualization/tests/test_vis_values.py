import datetime
import enum
import json
from pathlib import Path

import numpy as np
import pytest

from mmengine.visualization.values import config_text, plain_config, to_array, to_image, to_plain, to_rgb, to_scalar


class Color(enum.Enum):
    RED = 1


@pytest.mark.parametrize(('value', 'expected'), [(1, 1), (True, True), (np.float32(0.5), 0.5), (np.array(3), 3),
                                                 (np.array([[2.5]]), 2.5)])
def test_scalars(value, expected):
    assert to_scalar(value) == expected
    assert type(to_scalar(value)) is type(expected)


def test_scalar_of_a_tensor(tensor):
    assert to_scalar(tensor(0.25)) == 0.25


@pytest.mark.parametrize('value', ['1', None, [1], np.zeros(2), np.array('a'), {}])
def test_what_is_no_scalar(value):
    with pytest.raises(TypeError, match=type(value).__name__):
        to_scalar(value)


def test_array_of_a_type_that_numpy_does_not_have(tensor):
    class BFloat16(tensor):
        def detach(self):
            return self

        def cpu(self):
            return self

        def numpy(self):
            raise TypeError('Got unsupported ScalarType BFloat16')

        def float(self):
            return tensor(self.values, 'cpu')

    assert to_array(BFloat16([1, 2])).tolist() == [1, 2]


def test_plain_values_are_json():
    odd = dict(none=None, tuple=(1, 2), set={2, 1}, path=Path('a/b'), function=to_plain, cls=Path, np=np.float32(0.5),
               array=np.arange(3), enum=Color.RED, date=datetime.date(2025, 1, 2), bytes=b'x', nested=[{'a': {1: 2}}])
    plain = json.loads(json.dumps(to_plain(odd)))
    assert plain == dict(none=None, tuple=[1, 2], set=[1, 2], path='a/b', np=0.5, array=[0, 1, 2], enum='RED',
                         function='mmengine.visualization.values.to_plain', cls=plain['cls'], date='2025-01-02',
                         bytes="b'x'", nested=[{'a': {'1': 2}}])
    assert plain['cls'].endswith('.Path')


def test_images():
    assert to_image(np.zeros((2, 3, 1), np.uint8)).shape == (2, 3)
    assert to_rgb(np.zeros((2, 3), np.uint8)).shape == (2, 3, 3)
    assert to_rgb(np.zeros((2, 3, 4), np.uint8)).shape == (2, 3, 3)
    with pytest.raises(TypeError, match='float64'):
        to_image(np.zeros((2, 3)))
    with pytest.raises(TypeError, match=r'\(3, 2, 5\)'):
        to_image(np.zeros((3, 2, 5), np.uint8))


def test_configs():
    class Config(dict):
        pretty_text = 'lr = 1'

        def to_dict(self):
            return {'lr': (1, 2)}

    assert plain_config(Config()) == {'lr': [1, 2]}
    assert config_text(Config()) == 'lr = 1'
    assert json.loads(config_text({'lr': (1,)})) == {'lr': [1]}
    with pytest.raises(TypeError, match='list'):
        plain_config([])
