"""What DVC leaves behind is let go before pytest looks for it: from Python 3.13 on its open databases are warned of."""
import gc
import warnings

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_unconfigure():
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', ResourceWarning)
        for _ in range(5):  # as often as pytest does
            gc.collect()
