"""Old names of arguments and functions: they work, with a warning."""
from __future__ import annotations

import pytest

from mmengine.utils import deprecated_api_warning, deprecated_function


@deprecated_api_warning({'old': 'new'})
def scale(value: int, new: int = 1) -> int:
    """Scale."""
    return value * new


class Scaler:
    @deprecated_api_warning({'old': 'new'}, cls_name='Scaler')
    def scale(self, new: int) -> int:
        return new


def test_old_name_works_with_a_warning():
    with pytest.warns(DeprecationWarning, match="'old' is deprecated in scale, use 'new' instead"):
        assert scale(2, old=3) == 6  # type: ignore[call-arg]  # the old name
    with pytest.warns(DeprecationWarning, match=r"in Scaler\.scale"):
        assert Scaler().scale(old=3) == 3  # type: ignore[call-arg]  # the old name


def test_new_name_works_without():
    assert scale(2, new=3) == 6
    assert scale.__doc__ == 'Scale.'


def test_both_names_are_an_error():
    with pytest.raises(AssertionError, match="scale got both 'old' and 'new'"):
        scale(2, old=3, new=4)  # type: ignore[call-arg]  # the old name


def test_function_warns_and_says_it_in_its_documentation():
    @deprecated_function('0.2.0', '0.3.0', 'toy instruction')
    def demo(a: int, b: int) -> tuple[int, int]:
        """Long summary. Long
        summary.

        Args:
            a: Long description
                with a line break.
            b: Short.
        """
        return a, b

    with pytest.warns(DeprecationWarning, match=r"demo' is deprecated in version 0\.2\.0 and will be removed in "
                                                r'version 0\.3\.0\. Please toy instruction\.'):
        assert demo(1, 2) == (1, 2)
    assert demo.__doc__ == (
        '.. deprecated:: 0.2.0\n'
        '    Deprecated and will be removed in version 0.3.0.\n'
        '    Please toy instruction.\n'
        '\n'
        '\n'
        '    Long summary. Long\n'
        '    summary.\n'
        '\n'
        '    Args:\n'
        '        a: Long description\n'
        '            with a line break.\n'
        '        b: Short.\n')


def test_short_documentation_and_none():
    @deprecated_function('0.2.0', '0.3.0', 'toy instruction')
    def short() -> None:
        """Short summary."""

    @deprecated_function('0.2.0', '0.3.0', 'toy instruction')
    def silent() -> None: ...

    assert str(short.__doc__).endswith('Please toy instruction.\n\n\n    Short summary.')
    assert str(silent.__doc__).startswith('.. deprecated:: 0.2.0\n')
