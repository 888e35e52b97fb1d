"""The command `mmengine runs`, on records that the local backend has written."""
from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mmengine.cli.commands import program
from mmengine.visualization import Visualizer
from mmengine.visualization.records import Series, find_runs, open_run, read_series

CHROMIUM = next(filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome'))), None)


def run(*args: str, status: int = 0) -> Result:
    result = CliRunner().invoke(program, ['runs', *args], prog_name='mmengine')
    assert result.exit_code == status, (result.output, result.exception)
    return result


def record(folder: Path, rate: float, end: str | None = 'success') -> None:
    """Record a run as the engine does: training by iteration, validation by epoch."""
    visualizer = Visualizer(vis_backends=[dict(type='LocalVisBackend')], save_dir=str(folder))
    visualizer.add_config(dict(model=dict(depth=50), lr=rate, stages=[dict(type='A'), dict(type='B', rate=rate)]))
    for epoch in (1, 2):
        for iteration in range(10 * epoch - 9, 10 * epoch + 1):
            visualizer.add_scalars({'loss': rate * 10 / iteration, 'time': 0.1, 'epoch': epoch, 'iter': iteration},
                                   step=iteration)
        visualizer.add_scalars({'val/accuracy': 50.0 * epoch - rate, 'note': 'words'}, step=epoch)
    if end is not None:
        visualizer.add_tags(['tried'])
        visualizer.close(end)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with work_dirs of two configs, which is the current one."""
    record(tmp_path / 'work_dirs' / 'first' / '20250101_000000', rate=0.1)
    record(tmp_path / 'work_dirs' / 'second' / '20250102_000000', rate=0.2, end='failed')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_series_lie_on_one_axis(folder: Path) -> None:
    series = open_run(folder / 'work_dirs' / 'first').series
    assert series.keys() == {'loss', 'time', 'val/accuracy'}
    assert series['val/accuracy'] == Series('val/accuracy', [10, 20], [49.9, 99.9])
    assert series['loss'].steps == list(range(1, 21))


def test_lines_that_are_no_records(tmp_path: Path) -> None:
    file = tmp_path / 'scalars.json'
    file.write_text('{"a": 1, "step": 3}\n[1]\n\n{"a": NaN, "step": 4}\n{"a": true, "b": "x"}\n{"a": 2, "st')
    series, unread = read_series(file)
    assert unread == 2
    assert series['a'].steps == [3, 4]
    assert series['a'].at('last') == (1.0, 3)  # of the numbers
    assert Series('b', [0], [float('nan')]).at('max') is None
    assert 'unread lines  2' in run('show', str(file)).output
    assert json.loads(run('show', str(file), '--json').output)['unread_lines'] == 2


def test_thinned_keeps_extremes() -> None:
    values = [0.0] * 10_000
    values[1234], values[8765] = 7.0, -7.0
    short = Series('a', list(range(10_000)), values).thinned(100)
    assert len(short.steps) <= 100
    assert (max(short.values), min(short.values)) == (7.0, -7.0)
    assert short.steps[short.values.index(7.0)] == 1234


def test_ls(folder: Path) -> None:
    lines = run('ls').output.splitlines()
    assert lines[0].split() == ['run', 'status', 'last', 'record', 'step', 'last', 'values']
    assert lines[1].split()[:2] == ['first/20250101_000000', 'success']
    assert lines[2].split()[:2] == ['second/20250102_000000', 'failed']
    assert lines[1].endswith('20    loss 0.05  val/accuracy 99.9')
    rows = json.loads(run('ls', 'work_dirs', '--json', '-k', 'ACC').output)
    assert [row['last'] for row in rows] == [{'val/accuracy': 99.9}, {'val/accuracy': 99.8}]
    assert rows[0]['tags'] == ['tried']
    (folder / 'empty').mkdir()
    assert 'There is no run below empty' in run('ls', 'empty').output
    assert run('ls', 'nowhere', status=2).output


def test_a_run_that_was_killed_is_unfinished(tmp_path: Path) -> None:
    record(tmp_path / 'one', rate=0.1, end=None)
    found, = find_runs(tmp_path)
    assert (found.name, found.status, found.last_step) == ('one', 'unfinished', 20)


def test_show(folder: Path) -> None:
    output = run('show', 'work_dirs/second').output
    assert 'status       failed\n' in output
    row = next(line.split() for line in output.splitlines() if line.startswith('loss'))
    assert row == ['loss', '20', '2', '0.1', '0.1', '20', '2', '1']
    facts = json.loads(run('show', 'work_dirs/second', '--json', '--key', 'loss').output)
    assert facts['series'] == {'loss': {'values': 20, 'first': 2.0, 'last': {'value': 0.1, 'step': 20},
                                        'min': {'value': 0.1, 'step': 20}, 'max': {'value': 2.0, 'step': 1}}}


def test_the_newest_run_of_a_work_dir(folder: Path) -> None:
    record(folder / 'work_dirs' / 'first' / '20250103_000000', rate=0.3)
    assert open_run('work_dirs/first').name == 'work_dirs/first/20250103_000000'
    by_file = open_run('work_dirs/first/20250101_000000/vis_data/scalars.json')
    assert by_file.series['loss'].values[0] == 1.0


def test_compare(folder: Path) -> None:
    lines = [line.split() for line in run('compare', 'work_dirs/first', 'work_dirs/second').output.splitlines()]
    assert lines == [['last', 'work_dirs/first', 'work_dirs/second'], ['loss', '0.05', '0.1'],
                     ['val/accuracy', '99.9', '99.8'], [], ['config', 'work_dirs/first', 'work_dirs/second'],
                     ['lr', '0.1', '0.2'], ['stages.1.rate', '0.1', '0.2']]
    found = json.loads(run('compare', 'work_dirs/first', 'work_dirs/second', '--by', 'max', '--json').output)
    assert found['values']['loss'] == [1.0, 2.0]
    assert found['configs'] == {'lr': ['0.1', '0.2'], 'stages.1.rate': ['0.1', '0.2']}


def test_what_is_not_there(folder: Path) -> None:
    said = run('show', 'work_dirs/frist', status=2).output
    assert "There is no run in 'work_dirs/frist'" in said
    assert "Did you mean 'first'?" in said
    said = run('plot', 'work_dirs/first', '-k', 'acuracy', status=2).output
    assert 'Nothing of that name is recorded.' in said
    assert 'should end in .png or .html' in run('plot', 'work_dirs/first', '-o', 'a.pdf', status=2).output


def test_plot_png(folder: Path) -> None:
    from PIL import Image
    said = run('plot', 'work_dirs/first', 'work_dirs/second', '--out', 'curves.png', '--log').output
    assert said == 'curves.png: 2 charts of 2 runs\n'
    with Image.open('curves.png') as picture:
        assert picture.size[0] > picture.size[1] > 200
        colors = {color for _, color in picture.convert('RGB').getcolors(1 << 20)}
    assert {(0x00, 0x72, 0xb2), (0xd5, 0x5e, 0x00)} <= colors  # a line of each run


def test_the_page_needs_nothing_else(folder: Path) -> None:
    work_dir = folder / 'work_dirs' / 'a<b>&c'
    shutil.copytree(folder / 'work_dirs' / 'first', work_dir)
    run('plot', 'work_dirs/a<b>&c', 'work_dirs/first', '-o', 'curves.html')
    page = Path('curves.html').read_text(encoding='utf-8')
    for outside in ('src=', 'href=', '@import', 'url(', 'fetch(', 'import '):
        assert outside not in page
    assert '<b>' not in page
    assert page.count('http') == page.count('http://www.w3.org/2000/svg') == 1  # the name of a format


#: Does what a person would, and leaves what is seen then in the title, which the browser prints with the page.
ACTIONS = '''<script>
const seen = {};
const figure = document.querySelectorAll('figure')[0], drawing = () => figure.querySelectorAll('path').length;
seen.charts = [...document.querySelectorAll('figcaption')].map((one) => one.textContent);
seen.lines = drawing();
const box = figure.querySelector('svg').getBoundingClientRect();
figure.dispatchEvent(new MouseEvent('mousemove', {clientX: box.right - 1, clientY: box.top + 20, bubbles: true}));
seen.values = figure.querySelector('.values').innerText;
const before = figure.querySelector('path').getAttribute('d');
const smooth = document.getElementById('smooth');
smooth.value = 0.9; smooth.dispatchEvent(new Event('input'));
seen.smoothed = before !== figure.querySelector('path').getAttribute('d');
document.querySelectorAll('#runs button')[0].click();
seen.left = drawing();
const filter = document.getElementById('filter');
filter.value = 'ACC'; filter.dispatchEvent(new Event('input'));
seen.hidden = [...document.querySelectorAll('figure')].map((one) => one.hidden);
document.title = 'SEEN' + JSON.stringify(seen) + 'END';
</script>'''


@pytest.mark.skipif(CHROMIUM is None, reason='Chromium is not on this machine: apt-get install chromium')
def test_the_page_in_a_browser(folder: Path, tmp_path: Path) -> None:
    run('plot', 'work_dirs/first', 'work_dirs/second', '-o', 'curves.html')
    page = Path('curves.html').read_text(encoding='utf-8')
    Path('acted.html').write_text(page.replace('</body>', f'{ACTIONS}</body>'), encoding='utf-8')
    done = subprocess.run(
        [str(CHROMIUM), '--headless', '--no-sandbox', '--disable-gpu', f'--user-data-dir={tmp_path / "profile"}',
         '--host-resolver-rules=MAP * ~NOTFOUND', '--dump-dom', (tmp_path / 'acted.html').as_uri()],
        capture_output=True, text=True, timeout=120, check=True)
    seen: dict[str, Any] = json.loads(done.stdout.split('SEEN')[1].split('END')[0])
    assert seen == {'charts': ['loss', 'val/accuracy'], 'lines': 2, 'left': 1, 'smoothed': True,
                    'values': 'first at 20: 0.05\nsecond at 20: 0.1', 'hidden': [True, False]}


def test_listing_imports_nothing_heavy(folder: Path) -> None:
    code = ('import sys; from click.testing import CliRunner; from mmengine.cli.commands import program; '
            'result = CliRunner().invoke(program, ["runs", "compare", "work_dirs/first", "work_dirs/second"]); '
            'assert result.exit_code == 0, result.output; '
            'print(*sorted({"torch", "matplotlib", "cv2", "PIL"} & set(sys.modules)))')
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True, cwd=folder)
    assert done.stdout.split() == []
