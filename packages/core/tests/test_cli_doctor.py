"""The command `mmengine doctor`, in environments made for it."""
from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mmengine.cli.commands import program

Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Give a function that installs a distribution, as a wheel is, into a folder at the front of the path."""
    site = tmp_path / 'site'
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))

    def add(name: str, version: str = '0.12.0', requires: tuple[str, ...] = (), **files: str) -> Path:
        info = site / f'{name.replace("-", "_")}-{version}.dist-info'
        info.mkdir()
        needs = ''.join(f'Requires-Dist: {one}\n' for one in requires)
        (info / 'METADATA').write_text(f'Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}')
        record = [f'{info.name}/METADATA,,']
        for module, text in files.items():
            path = site / 'mmengine' / f'{module}.py'
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b'=').decode()
            record.append(f'mmengine/{module}.py,sha256={digest},{len(text)}')
        (info / 'RECORD').write_text('\n'.join(record) + '\n')
        return site

    return add


def run(*args: str) -> Result:
    return CliRunner().invoke(program, ['doctor', *args])


def problems() -> list[dict[str, str]]:
    """Give the problems of what the test has installed; the environment around it has none of these names."""
    found: list[dict[str, str]] = json.loads(run('--json').output)['problems']
    return [problem for problem in found if 'of-a-test' in str(problem) or 'mmengine-lite' in str(problem)
            or 'site' in problem['text']]


def test_it_tells_versions_of_python_libraries_and_parts() -> None:
    report: dict[str, Any] = json.loads(run('--json').output)
    assert report['libraries']['python'] == '.'.join(map(str, sys.version_info[:3]))
    assert set(report['libraries']) >= {'torch', 'numpy'}
    assert 'mmparts-core' in report['parts']
    plain = run().output
    assert f'mmparts-core{" " * (max(map(len, report["parts"])) - 12)}  {report["parts"]["mmparts-core"]}' in plain
    assert '\x1b' not in plain


def test_requirements_that_are_not_met(install: Install) -> None:
    install('mmparts-of-a-test', requires=('mmparts-core>=99', 'not-there-of-a-test>=1', 'more-of-a-test; extra == "x"',
                                           'click>=1'))
    found = {problem['text'].partition(' needs ')[2]: problem['mend'] for problem in problems()}
    core = json.loads(run('--json').output)['parts']['mmparts-core']
    assert found == {
        f'mmparts-core>=99, but mmparts-core {core} is installed':
            "pip install --upgrade mmparts-of-a-test 'mmparts-core>=99'",
        'not-there-of-a-test>=1, which is not installed': "pip install 'not-there-of-a-test>=1'"}
    result = run()
    assert result.exit_code == 1
    assert "    pip install 'not-there-of-a-test>=1'\n" in result.output


def test_trackers_and_their_clients(install: Install) -> None:
    site = install('mmparts-of-a-test', requires=('no-client-of-a-test>=1', 'click>=1', 'mmparts-core'))
    entries = '[mmengine.vis_backends]\nATestVisBackend = nowhere:ATestVisBackend\n'
    (site / 'mmparts_of_a_test-0.12.0.dist-info' / 'entry_points.txt').write_text(entries)
    tracker, = (one for one in json.loads(run('--json').output)['trackers'] if one['name'] == 'ATestVisBackend')
    assert tracker['clients']['no-client-of-a-test'] is None
    assert tracker['clients'].keys() == {'no-client-of-a-test', 'click'}
    assert 'no-client-of-a-test not installed' in run().output


def test_the_one_piece_package_beside_the_parts(install: Install) -> None:
    install('mmengine-lite', '0.10.7', __init__='__version__ = "0.10.7"\n', other='x = 1\n')
    problem, = (one for one in problems() if 'one-piece' in one['text'])
    assert 'mmengine-lite 0.10.7' in problem['text']
    assert problem['mend'].startswith('pip uninstall -y mmengine mmengine-lite && pip install --force-reinstall')


def test_files_that_are_gone_changed_or_left_by_another(install: Install) -> None:
    site = install('mmparts-of-a-test', one='x = 1\n', two='y = 1\n', three='z = 1\n')
    (site / 'mmengine' / 'one.py').unlink()
    (site / 'mmengine' / 'two.py').write_text('changed\n')
    (site / 'mmengine' / 'fourth.py').write_text('left = 1\n')
    found = [(problem['text'].replace(str(site), ''), problem['mend']) for problem in problems()]
    again = 'pip install --force-reinstall --no-deps mmparts-of-a-test'
    assert found == [
        ('1 files of mmparts-of-a-test are gone: mmengine/one.py', again),
        ('1 files of mmparts-of-a-test are not what was installed: mmengine/two.py', again),
        ('1 files in /mmengine belong to no installed distribution, left by another mmengine: mmengine/fourth.py',
         f"rm '{site / 'mmengine' / 'fourth.py'}'")]


def test_another_mmengine_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout = tmp_path / 'site-of-upstream'
    (checkout / 'mmengine').mkdir(parents=True)
    (checkout / 'mmengine' / '__init__.py').write_text('')
    monkeypatch.setattr(sys, 'path', [*sys.path, str(checkout)])
    problem, = problems()
    assert problem['text'].startswith(f'There is another mmengine in {checkout / "mmengine"}')
    assert str(checkout) in problem['mend']


def test_nothing_heavy_is_imported() -> None:
    """In a process of its own: the help of the program and the doctor, with all that is installed."""
    code = ('import sys\nfrom click.testing import CliRunner\nfrom mmengine.cli.commands import program\n'
            'for args in (["--help"], ["doctor", "--json"], ["completion", "bash"]):\n'
            '    result = CliRunner().invoke(program, args, prog_name="mmengine")\n'
            '    assert result.exit_code in (0, 1) and len(result.output) > 100, result.output\n'
            'heavy = {"torch", "numpy", "matplotlib", "rich", "yaml", "mmengine.config", "mmengine.registry", '
            '"mmengine.visualization"}\n'
            'print(*sorted(heavy & set(sys.modules)))')
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
