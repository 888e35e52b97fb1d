"""The table of what becomes what at each tracker, made of the tables in the READMEs of packages/integrations."""
from __future__ import annotations

import re
from pathlib import Path

from docs_pages import ROOT

RECORDS = ['config', 'scalar', 'image', 'boxes', 'masks', 'table', 'histogram', 'curve', 'figure', 'text', 'artifact',
           'summary', 'tags', 'alert', 'end of the run']
#: other words of the READMEs
SAME = {'scalars': 'scalar', 'how it ended': 'end of the run'}
#: rows of only some trackers, which are in their READMEs
MORE = {'graph', 'picture of another table', 'settings that change', 'notes', 'group', 'job type',
        'artifact by reference', 'files of the run'}
#: records that share a row, which says in the same order what becomes of each
PAIRS = {'histogram, curve', 'summary, tags', 'tags, notes'}
DRAWN = 'drawn into the image'
BASE = '-'


def read_table(readme: Path) -> tuple[str, dict[str, str]]:
    """Give the name of a tracker as its README writes it, and what each record becomes there."""
    text = readme.read_text(encoding='utf-8')
    head = re.search(r'^\| record \| in ([^|]+?) \|', text, re.M)
    if head is None:
        raise ValueError(f'{readme} has no table that begins with "| record | in"')
    found: dict[str, str] = {}
    for line in text[head.end():].partition('\n\n')[0].splitlines()[2:]:
        keys, value, *_ = (cell.strip() for cell in line.strip('|').split(' | '))
        values = re.split('[,;] ', value) if keys in PAIRS else []
        for number, key in enumerate(keys.split(', ')):
            record = SAME.get(key, key)
            if record not in RECORDS and record not in MORE:
                raise ValueError(f'{readme}: {key!r} is in neither RECORDS nor MORE of tools/{Path(__file__).name}')
            value = values[number] if len(values) == 2 else value
            found[record] = record if value == 'the same' else value
    if 'masks are drawn in' in found.get('image', ''):
        found.update(boxes=DRAWN, masks=DRAWN)
    return head[1], found


def tracker_table() -> str:
    """Give the table in Markdown, one column for each tracker."""
    readmes = [path for path in sorted(ROOT.glob('packages/integrations/[!_]*/README.md'))
               if '| record | in ' in path.read_text(encoding='utf-8')]
    trackers = [read_table(path) for path in readmes]
    names = [f'[{name}](../{path.relative_to(ROOT).as_posix()})'
             for (name, _), path in zip(trackers, readmes, strict=True)]
    rows = [['record', *names], ['---'] * (len(names) + 1),
            *([record, *(found.get(record, BASE) for _, found in trackers)] for record in RECORDS)]
    return ''.join(f'| {" | ".join(row)} |\n' for row in rows)


if __name__ == '__main__':
    PAGE = ROOT / 'docs' / 'trackers.md'
    before, begin, rest = PAGE.read_text(encoding='utf-8').partition('<!-- table -->\n')
    _, end, after = rest.partition('<!-- end of the table -->')
    PAGE.write_text(before + begin + tracker_table() + end + after, encoding='utf-8')
