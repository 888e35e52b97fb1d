"""Write which versions the parts were tested with, from what the sessions of the last run left behind.

    python tools/support.py .nox/.reports SUPPORT.md

Each session leaves a JUnit file, and a list of what was installed in its environment. Nothing is written by hand: a
Python or a library that no session ran with is not in the tables.
"""
from __future__ import annotations

import json
import re
import sys
from collections import defaultdict
from pathlib import Path

from packaging.version import Version
from parts import Part, load_parts, name_of
from totals import read_tests

ISOLATED = re.compile(r'isolated\((?P<part>[\w-]+)-py(?P<python>[\d.]+)\)')
SESSION = re.compile(r'(?:isolated|lowest)\((?P<part>[\w-]+)-py(?P<python>[\d.]+)\)')


def read_runs(reports: Path) -> tuple[dict[tuple[str, str], str], dict[str, dict[str, set[Version]]]]:
    """Read the outcome of each part on each Python, and the versions of each part's requirements that passed."""
    outcomes: dict[tuple[str, str], str] = {}
    versions: dict[str, dict[str, set[Version]]] = defaultdict(lambda: defaultdict(set))
    for file in sorted(reports.glob('*.xml')):
        found, counts = SESSION.fullmatch(file.stem), read_tests(file)
        if found is None:
            continue
        if ISOLATED.fullmatch(file.stem):
            skipped = f', {counts["skipped"]} skipped' if counts['skipped'] else ''
            failed = f'**{counts["failed"]} failed**, ' if counts['failed'] else ''
            outcomes[found['part'], found['python']] = f'{failed}{counts["passed"]} passed{skipped}'
        installed = file.with_suffix('.json')
        if not counts['failed'] and installed.exists():
            for name, version in json.loads(installed.read_text(encoding='utf-8')).items():
                versions[found['part']][name].add(Version(version))
    return outcomes, versions


def python_table(parts: dict[str, Part], outcomes: dict[tuple[str, str], str]) -> list[str]:
    """Make the table of the parts and Pythons."""
    pythons = sorted({python for _, python in outcomes}, key=Version)
    lines = [f'| part | {" | ".join(f"Python {python}" for python in pythons)} |', '| --- ' * (len(pythons) + 1) + '|']
    for name, part in parts.items():
        cells = [outcomes.get((name, python), '') for python in pythons]
        if any(cells):
            lines.append(f'| {part.distribution} | {" | ".join(cells)} |')
    return lines


def library_table(parts: dict[str, Part], versions: dict[str, dict[str, set[Version]]]) -> list[str]:
    """Make the table of the libraries that parts ask for."""
    ours = {name_of(part.distribution) for part in parts.values()}
    lines = ['| part | asks for | passed with |', '| --- | --- | --- |']
    for name, part in parts.items():
        for requirement in (*part.requires, *part.extras):
            found = versions.get(name, {}).get(name_of(requirement))
            if found and name_of(requirement) not in ours:
                tested = ' to '.join(dict.fromkeys([str(min(found)), str(max(found))]))
                lines.append(f'| {part.distribution} | `{requirement}` | {tested} |')
    return list(dict.fromkeys(lines))


def main() -> None:
    """Write the page."""
    reports, page = Path(sys.argv[1]), Path(sys.argv[2])
    parts = load_parts()
    outcomes, versions = read_runs(reports)
    if not outcomes:
        raise SystemExit(f'{reports} has no report of a session `isolated`: run `nox -s tests` first')
    lines = ['# What was tested with what', '',
             'Made by `nox -s support` from what the sessions `isolated` and `lowest` ran, each part alone, installed',
             'from its wheel. Where a cell is empty, nothing ran.', '',
             *python_table(parts, outcomes), '', '## Libraries', '', *library_table(parts, versions), '']
    page.write_text('\n'.join(lines), encoding='utf-8')
    print(f'{page}: {len(outcomes)} runs of parts')


if __name__ == '__main__':
    main()
