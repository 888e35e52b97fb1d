"""The registry alone, in a library of one's own: steps that tidy text, chosen by name. Needs mmparts-registry only.

    python registry_alone.py

The text is the help on statements that Python itself carries.
"""
from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from pydoc_data.topics import topics
from typing import Any

from mmengine.registry import Registry

#: A library has as many registries as it has kinds of things; `scope` is the name of the library.
STEPS = Registry('step', scope='tidy')


@STEPS.register_module()
class LowerCase:
    """Make all letters small."""

    def __call__(self, text: str) -> str:
        """Change one text."""
        return text.lower()


@STEPS.register_module(name=['Words', 'SplitWords'])
class Words:
    """Split a text into words.

    Args:
        shortest: Letters that a word has at least.
    """

    def __init__(self, shortest: int = 1) -> None:
        self.shortest = shortest

    def __call__(self, text: str) -> list[str]:
        """Split one text."""
        letters = ''.join(c if c.isalpha() else ' ' for c in text)
        return [word for word in letters.split() if len(word) >= self.shortest]


@STEPS.register_module()
def most_common(words: Iterable[str], count: int) -> list[tuple[str, int]]:
    """Give the words that come most often."""
    return Counter(words).most_common(count)


#: What a user of the library writes.
PIPELINE = [dict(type='LowerCase'), dict(type='Words', shortest=6)]


def tidy(text: str, pipeline: list[dict[str, Any]]) -> Any:
    """Put a text through steps that are given by name."""
    for step in map(STEPS.build, pipeline):
        text = step(text)
    return text


def main() -> None:
    """Count words, then make a mistake."""
    words = tidy('\n'.join(topics.values()), PIPELINE)
    for word, count in STEPS.build(dict(type='most_common', words=words, count=5)):
        print(f'{count:6} {word}')
    try:
        tidy('', [dict(type='LowerCas')])
    except KeyError as error:
        print(error.args[0])
    print('torch is loaded:', 'torch' in sys.modules)


if __name__ == '__main__':
    main()
