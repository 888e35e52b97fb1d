"""Make an integration package of the template: `python instantiate.py NAME [CLASS_PREFIX [FOLDER]]`."""
from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

TEMPLATE = Path(__file__).parent
SUFFIX = '.in'  # of files that would be taken for a package or for tests where they are


def instantiate(name: str, prefix: str, folder: Path) -> Path:
    """Write the package of tracker `name`, with the class `<prefix>VisBackend`, to `folder`."""
    if not re.fullmatch('[a-z][a-z0-9_]*', name):
        raise SystemExit(f'The name of a tracker should be a module name in lower case, but got {name!r}')
    if not f'{prefix}VisBackend'.isidentifier():
        raise SystemExit(f'The prefix of the class should be an identifier, but got {prefix!r}')
    if folder.exists():
        raise SystemExit(f'{folder} exists already')
    words = {'NAME': name, 'PREFIX': prefix}

    def fill(text: str) -> str:
        return re.sub('__(NAME|PREFIX)__', lambda match: words[match[1]], text)

    source = TEMPLATE / 'package'
    for path in sorted(source.rglob('*')):
        if path.is_file():
            target = folder / fill(path.relative_to(source).as_posix()).removesuffix(SUFFIX)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(fill(path.read_text()))
    licence = TEMPLATE.parent / 'tensorboard' / 'LICENSE'
    shutil.copy(licence, folder / 'LICENSE')
    return folder


def main(arguments: list[str]) -> None:
    """Read the command line."""
    if not 1 <= len(arguments) <= 3:
        raise SystemExit(__doc__)
    name, prefix, folder, *_ = [*arguments, *[''] * 2]
    target = Path(folder) if folder else TEMPLATE.parent / name
    print(instantiate(name, prefix or name.capitalize(), target))


if __name__ == '__main__':
    main(sys.argv[1:])
