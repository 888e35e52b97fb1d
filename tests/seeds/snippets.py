"""What is in a document that can be run or checked: fenced code, tables of arguments, and lists of linked names."""
from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r'^(?P<indent>\s*)(?P<marks>```+|~~~+)\s*(?P<info>[^`]*)$')
LINK = re.compile(r'\[[^\[\]]*\]\((\.\./[^)\s]+\.md(?:#[^)\s]*)?)\)')
ARGUMENT = re.compile(r'^\|\s*`(\w+)`\s*\|(.*)\|\s*$')


@dataclass(frozen=True)
class Snippet:
    """A piece of a document.

    Attributes:
        document: Name of the file.
        line: Where it begins, from 1 on.
        kind: 'python', 'notebook', 'shell', 'arguments', 'names', or what the document says if that is none of these.
        code: Its text, without the indentation that all lines share.
    """

    document: str
    line: int
    kind: str
    code: str

    @property
    def place(self) -> str:
        """Where it stands, as tools write it."""
        return f'{self.document}:{self.line}'


def read_document(file: Path) -> list[Snippet]:
    """Give all snippets of a document in their order.

    Raises:
        ValueError: A fence is opened and not closed.
    """
    lines = file.read_text(encoding='utf-8').splitlines()
    found = list(_fenced(file.name, lines))
    rows = [(number, line) for number, line in enumerate(lines, 1) if ARGUMENT.match(line)]
    if rows:
        found.append(Snippet(file.name, rows[0][0], 'arguments', '\n'.join(line for _, line in rows)))
    if not found:  # a page of prose promises what it links to
        text = '\n'.join(lines)
        found.append(Snippet(file.name, 1, 'names', '\n'.join(dict.fromkeys(LINK.findall(text)))))
    return sorted(found, key=lambda snippet: snippet.line)


def _fenced(document: str, lines: list[str]) -> Iterator[Snippet]:
    numbered = iter(enumerate(lines, 1))
    for start, line in numbered:
        opened = FENCE.match(line)
        if opened is None:
            continue
        inside = []
        for _, line in numbered:
            if line.strip() == opened['marks']:
                break
            inside.append(line)
        else:
            raise ValueError(f'{document}:{start}: the fence {opened["marks"]} is not closed')
        code = textwrap.dedent('\n'.join(inside)) + '\n'
        yield Snippet(document, start, _kind(opened['info'], code), code)


def _kind(info: str, code: str) -> str:
    word = (info.split() or [''])[0].lower()
    if word == 'notebook' or any(line.startswith('!') for line in code.splitlines()):
        return 'notebook'
    if word in ('bash', 'shell', 'sh', 'console'):
        return 'shell'
    if word in ('python', 'py') or (not word and _is_python(code)):
        return 'python'
    return word or 'plain text'


def _is_python(code: str) -> bool:
    try:
        ast.parse(code)
    except SyntaxError:
        return False
    return True
