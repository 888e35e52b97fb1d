"""The totals of a run count every session once."""
from __future__ import annotations

import json
from pathlib import Path

from totals import summarize


def session(name: str, result: str, reason: str | None = None) -> dict[str, object]:
    return {'name': name.partition('(')[0], 'signatures': [name], 'result': result, 'reason': reason}


def test_sessions_without_tests_count_when_they_did_not_pass(tmp_path: Path) -> None:
    suite = '<testsuites><testsuite tests="7" failures="{}" errors="0" skipped="1"/></testsuites>'
    (tmp_path / 'isolated(core-py3.10).xml').write_text(suite.format(0))
    (tmp_path / 'together.xml').write_text(suite.format(2))
    report = tmp_path / 'nox.json'
    report.write_text(json.dumps({'result': 0, 'sessions': [
        session('isolated(core-py3.10)', 'success'),
        session('isolated(core-py3.12)', 'skipped', 'Python interpreter 3.12 not found.'),
        session('together', 'failed'),
        session('lint', 'failed'),
        session('build', 'success'),
    ]}))
    lines = summarize(report)
    assert lines[-1] == '10 passed, 3 failed, 3 skipped'
    assert lines[-2] == '2 of 5 sessions passed'
    assert 'skipped: isolated(core-py3.12): Python interpreter 3.12 not found.' in lines


def test_broken_off_run_is_no_success(tmp_path: Path) -> None:
    assert summarize(tmp_path / 'nox.json')[-1] == '0 passed, 1 failed'
