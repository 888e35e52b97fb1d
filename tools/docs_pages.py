"""Pages of the documentation: what they include, where their links lead in the site, and the blocks of code in them.

A line `<!-- include: packages/core/README.md -->` stands for that file without its first heading. The comments above a
block of code may say more about it:

    <!-- not run: why -->    it is not run, for this reason
    <!-- output -->          it is what the block before it prints; a line or a piece `...` stands for anything
    <!-- exit: 1 -->         the last command of the block ends with this status
    <!-- instead: env A=b python x.py -->    this line is run in its place
    <!-- needs: examples/digits -->    these folders or files of the repository are copied beside it first

A block that begins with ```python title="name.py" is the content of that file.
"""
from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / 'docs'
KINDS = ('python', 'bash', 'shell', 'text', 'toml')
_INCLUDE = re.compile(r'^<!-- include: (\S+) -->$', re.M)
_LINK = re.compile(r'(!?)\[((?:[^\[\]]|!?\[[^\]]*\])*)\]\(([^()\s]+)\)')
_BLOCK = re.compile(r'^(?P<indent> *)```(?P<kind>[^\n`]*)\n(?P<text>.*?)^(?P=indent)```$', re.M | re.S)
_NOTE = re.compile(r'<!-- (not run|output|exit|instead|needs)(?:: ([^>]*?))? -->')


@dataclass(frozen=True)
class Block:
    """A block of code: where it is, what it is, and what the comments above it say."""

    file: str
    line: int
    kind: str
    text: str
    notes: dict[str, str]
    title: str = ''

    @property
    def place(self) -> str:
        """File and line."""
        return f'{self.file}:{self.line}'


def site_paths() -> dict[str, str]:
    """Give the files of the repository that are pages or pictures of the site, with their names there."""
    found = {path.relative_to(ROOT).as_posix(): path.relative_to(DOCS).as_posix()
             for path in DOCS.rglob('*') if path.is_file()}
    for readme in sorted(ROOT.glob('packages/integrations/*/README.md')):
        folder = readme.parent
        if folder.name.startswith('_'):
            continue
        for path in (readme, *folder.glob('*.png'), *folder.glob('docs/*')):
            found[path.relative_to(ROOT).as_posix()] = f'trackers/{folder.name}/{path.relative_to(folder).as_posix()}'
    for name in ('ARCHITECTURE.md', 'CONTRIBUTING.md'):
        found[name] = f'project/{name.lower()}'
    for page in sorted(DOCS.glob('parts/*.md')):  # the page of a part is its README with some words before it
        found[f'packages/{page.stem}/README.md'] = f'parts/{page.name}'
    return found


def read_page(file: str, paths: dict[str, str]) -> str:
    """Give a page with what it includes, and with links as they are in the site.

    Args:
        file: The page, from the root of the repository.
        paths: What `site_paths` gives.
    """
    def include(match: re.Match[str]) -> str:
        text = _relink(_read(match[1]), match[1], paths[file], paths)
        return text.partition('\n')[2] if text.startswith('# ') else text

    return _INCLUDE.sub(include, _relink(_read(file), file, paths[file], paths))


def _read(file: str) -> str:
    return (ROOT / file).read_text(encoding='utf-8')


def _relink(text: str, file: str, page: str, paths: dict[str, str]) -> str:
    """Let links lead to pages of the site; what has none there becomes plain words, what does not exist stays wrong."""
    def change(match: re.Match[str]) -> str:
        picture, words, target = match.groups()
        address, mark, anchor = target.partition('#')
        place = posixpath.normpath(posixpath.join(posixpath.dirname(file), address))
        if not address or re.match(r'[a-z]+:', address):
            return match[0]
        if place in paths:
            return f'{picture}[{words}]({posixpath.relpath(paths[place], posixpath.dirname(page))}{mark}{anchor})'
        return words if (ROOT / place).exists() and not picture else match[0]

    # Code is left alone: odd pieces are what stands in backticks.
    pieces = re.split(r'(^ *```.*?^ *```$|`[^`\n]*`(?!\]))', text, flags=re.M | re.S)
    return ''.join(piece if i % 2 else _LINK.sub(change, piece) for i, piece in enumerate(pieces))


def broken_links(file: str) -> list[str]:
    """Give the relative links of a file that lead to nothing in the repository."""
    text = re.sub(r'^ *```.*?^ *```$', '', _read(file), flags=re.M | re.S)
    targets = (match[3].partition('#')[0] for match in _LINK.finditer(text))
    folder = os.path.dirname(ROOT / file)
    return [t for t in targets if t and not re.match(r'[a-z]+:', t) and not os.path.exists(os.path.join(folder, t))]


def blocks(file: str) -> Iterator[Block]:
    """Give the blocks of a file, without those of what it includes."""
    text = _read(file)
    for match in _BLOCK.finditer(text):
        above = re.search(r'(?:^ *<!--[^\n]*-->\n)*\Z', text[:match.start()], re.M)
        notes = {name: value or '' for name, value in _NOTE.findall(above[0] if above else '')}
        body = re.sub(f'^{match["indent"]}', '', match['text'], flags=re.M)
        yield Block(file, text.count('\n', 0, match.start()) + 1, match['kind'].split(' ')[0], body, notes,
                    title[1] if (title := re.search('title="([^"]+)"', match['kind'])) else '')
