"""The nearest valid names to a misspelt one, for error messages."""
from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, candidates: Iterable[str], n: int = 3) -> list[str]:
    """Find at most `n` candidates that resemble `name`, the best first; case does not matter.

    >>> nearest('resnet', ['ResNet', 'VGG'])
    ['ResNet']
    """
    by_folded: dict[str, list[str]] = {}
    for candidate in candidates:
        by_folded.setdefault(candidate.casefold(), []).append(candidate)
    close = get_close_matches(name.casefold(), by_folded, n=n)
    return [candidate for folded in close for candidate in by_folded[folded]][:n]


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """Make the end of an error message that names what resembles `name`; empty when nothing does.

    >>> did_you_mean('Resnet', ['ResNet', 'VGG'])
    " Did you mean 'ResNet'?"
    """
    found = [repr(candidate) for candidate in nearest(name, candidates)]
    if not found:
        return ''
    *others, last = found
    return f' Did you mean {", ".join(others)} or {last}?' if others else f' Did you mean {last}?'
