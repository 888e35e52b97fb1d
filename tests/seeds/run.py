"""Run and check every snippet of the documents in a folder, and print what was done with each.

    python run.py FOLDER --corpus FOLDER_WITH_THE_WHEEL_OF_MMDET [--only WORD]

The exit status is 1 if one is not known, does not run, or does not do what its document says.
"""
from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from cases import check_arguments, check_python
from claims import check_names
from commands import Installation, run_commands
from rich.console import Console
from rich.table import Table
from snippets import Snippet, read_document
from workplace import Failed, Workplace, require


def check(snippet: Snippet, place: Workplace, installation: Installation, text: str) -> tuple[str, str]:
    """Run one snippet; gives what was run and what was checked.

    Raises:
        Failed: Its kind is not known, or the kind found a fault.
    """
    if snippet.kind == 'python':
        return check_python(snippet, place)
    if snippet.kind in ('shell', 'notebook'):
        return run_commands(snippet, place, installation)
    if snippet.kind == 'arguments':
        return check_arguments(snippet, place)
    require(snippet.kind == 'names', f'a snippet of kind {snippet.kind!r} is not known')
    return check_names(snippet, place, text)


def main() -> int:
    """Run all; gives the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('folder', type=Path)
    parser.add_argument('--corpus', type=Path, required=True)
    parser.add_argument('--only', default='', help='documents whose name has this word')
    options = parser.parse_args()
    documents = sorted(file for file in options.folder.iterdir() if file.is_file() and options.only in file.name)
    console = Console(width=None if sys.stdout.isatty() else 180, highlight=False)
    table = Table('snippet', 'kind', 'what was run', 'what was checked', show_lines=True)
    failures = []
    with tempfile.TemporaryDirectory(prefix='seeds-') as name:
        installation = Installation(Path(name) / 'installation')
        for document in documents:
            place = Workplace(Path(name) / document.stem, options.corpus)
            for snippet in read_document(document):
                try:
                    ran, checked = check(snippet, place, installation, document.read_text(encoding='utf-8'))
                except Failed as error:
                    failures.append(f'{snippet.place}: {error}')
                    ran, checked = 'FAILED', str(error).partition('\n')[0]
                table.add_row(snippet.place, snippet.kind, ran.replace('[', r'\['), checked.replace('[', r'\['))
                console.print(f'{snippet.place} {snippet.kind}: {"FAILED" if ran == "FAILED" else "done"}')
    console.print(table)
    for failure in failures:
        console.print(failure, markup=False)
    console.print(f'{len(documents)} documents, {table.row_count} snippets, {len(failures)} failed')
    return 1 if failures or not table.row_count else 0


if __name__ == '__main__':
    sys.exit(main())
