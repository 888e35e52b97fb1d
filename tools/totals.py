"""Say in a few lines how a whole run of the sessions went.

    python tools/totals.py .nox/.reports/nox.json

Reads nox's report and the JUnit files beside it. A session that failed without a failing test (lint, say) counts as
one failure, a session that could not run counts as one skipped; the last line is `N passed, N failed, N skipped`.
"""
from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path
from typing import Any


def read_tests(file: Path) -> Counter[str]:
    """Count the outcomes in one JUnit file."""
    found: Counter[str] = Counter()
    for suite in ElementTree.parse(file).getroot().iter('testsuite'):
        of = {key: int(suite.get(key, 0)) for key in ('tests', 'failures', 'errors', 'skipped')}
        failed = of['failures'] + of['errors']
        found.update(passed=of['tests'] - failed - of['skipped'], failed=failed, skipped=of['skipped'])
    return found


def name_of(session: dict[str, Any]) -> str:
    """Give the name of a session with its Python and parameters, as its JUnit file is called."""
    return str((session.get('signatures') or [session['name']])[-1])


def summarize(report: Path) -> list[str]:
    """Give the lines to print."""
    files = {file.stem: read_tests(file) for file in report.parent.glob('*.xml')}
    total = sum(files.values(), Counter({'passed': 0, 'failed': 0, 'skipped': 0}))
    if not report.exists():
        return ['the run was broken off: no report of the sessions', f'{total["passed"]} passed, 1 failed']
    lines = []
    sessions = json.loads(report.read_text())['sessions']
    for session in sessions:
        name, result = name_of(session), session['result']
        if result == 'skipped':
            total['skipped'] += 1
        elif result != 'success' and not files.get(name, Counter())['failed']:
            total['failed'] += 1
        if result != 'success':
            lines.append(f'{result}: {name}: {session.get("reason") or "see its output above"}')
    good = sum(session['result'] == 'success' for session in sessions)
    lines.append(f'{good} of {len(sessions)} sessions passed')
    lines.append(f'{total["passed"]} passed, {total["failed"]} failed, {total["skipped"]} skipped')
    return lines


if __name__ == '__main__':
    print('\n'.join(summarize(Path(sys.argv[1]))))
