"""Every block of code of the documents runs, and what they show is what is printed; links lead somewhere."""
from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tools'))
from docs_pages import broken_links
from draw_loop import TARGET, draw
from tracker_table import tracker_table

#: the other READMEs are run by the tests of their parts, which run on each Python
READMES = ['README.md', *(f'packages/{name}/README.md' for name in ('visualization', 'engine', 'all', 'dropin')),
           *sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob('packages/integrations/[!_]*/README.md'))]
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / 'docs').rglob('*.md'))
Results = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope='module')
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """What came of the blocks of all pages, which one process runs in forks of itself."""
    folder = tmp_path_factory.mktemp('docs')
    program = Path(__file__).parent / 'programs' / 'run_pages.py'
    done = subprocess.run([sys.executable, str(program), str(folder), *PAGES, *READMES], cwd=folder, text=True,
                          capture_output=True, check=False, env={**os.environ, 'OMP_NUM_THREADS': '1'})
    assert done.returncode == 0, done.stderr
    found = {}
    for page in (*PAGES, *READMES):
        stem = folder / page.replace('/', '-')
        assert Path(f'{stem}.json').exists(), Path(f'{stem}.log').read_text(encoding='utf-8')
        found[page] = json.loads(Path(f'{stem}.json').read_text(encoding='utf-8'))
    return found


@pytest.mark.parametrize('page', [*PAGES, *READMES])
def test_blocks(results: Results, page: str) -> None:
    failed = [block for block in results[page] if block['state'] == 'failed']
    assert not failed, f'{failed[0]["place"]}, which is to run or to say why not: {failed[0]["why"]}'


def test_most_blocks_run(results: Results) -> None:
    counted = Counter((page in PAGES, block['state']) for page in results for block in results[page]
                      if block['kind'] != 'text')
    print('\n'.join(f'{block["place"]} is not run: {block["why"]}' for page in results for block in results[page]
                    if block['state'] == 'not run'))
    assert counted[True, 'ran'] > 3 * counted[True, 'not run'], counted


@pytest.mark.parametrize('page', [*PAGES, *READMES])
def test_links(page: str) -> None:
    assert broken_links(page) == []


def test_the_loop_is_drawn_from_the_stages() -> None:
    assert TARGET.read_text(encoding='utf-8') == draw(), 'run python tools/draw_loop.py'


def test_the_table_of_trackers_is_that_of_their_readmes() -> None:
    page = (ROOT / 'docs' / 'trackers.md').read_text(encoding='utf-8')
    assert tracker_table() in page, 'run python tools/tracker_table.py'


def test_pictures_are_small() -> None:
    assert [path.name for path in (ROOT / 'docs').rglob('*.*') if path.stat().st_size > 200_000] == []
