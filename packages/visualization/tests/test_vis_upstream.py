"""Pictures are those of upstream's mmengine 0.10.7, whose drawings of the same shapes lie in `data/`.

They were made by `python drawings.py data/upstream_drawings.npz` with upstream installed (matplotlib 3.11). A pixel
counts as different if a channel is more than 16 of 255 levels off; of a picture no more than 0.5 % may be, and 8 %
where there are letters, which each version of matplotlib sets a little differently.
"""
import runpy
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
LEVELS = 16
SHARE, SHARE_OF_LETTERS = 0.005, 0.08


@pytest.fixture(scope='module')
def reference():
    with np.load(HERE / 'data' / 'upstream_drawings.npz') as file:
        return dict(file)


@pytest.mark.filterwarnings('ignore:Since the spatial dimensions')
def test_pictures_are_those_of_upstream(reference, tensor):
    pictures = runpy.run_path(str(HERE / 'drawings.py'))['draw_all'](tensor)
    assert set(pictures) == set(reference)
    shares = {}
    for name, expected in reference.items():
        picture = pictures[name]
        assert (picture.shape, picture.dtype) == (expected.shape, expected.dtype), name
        off = np.abs(picture.astype(int) - expected.astype(int)).max(axis=-1) > LEVELS
        if off.mean() > (SHARE_OF_LETTERS if 'text' in name or 'top' in name else SHARE):
            shares[name] = off.mean()
    assert shares == {}


def test_the_comparison_would_notice(reference):
    """A shift by one pixel, swapped channels and a missing line are more than is tolerated."""
    drawn, plain = reference['rgb_boxes'].astype(int), reference['rgb_image'].astype(int)
    for other in (np.roll(drawn, 1, axis=1), drawn[..., ::-1], plain):
        assert (np.abs(drawn - other).max(axis=-1) > LEVELS).mean() > 2 * SHARE
