"""Make `.dev/mmengine`: one folder of links to all parts, for editors that do not follow `extend_path`.

    python tools/link_tree.py

Point the editor's extra search path at `.dev` (pyright and Pylance: `extraPaths`, ty: `extra-paths`).
"""
from __future__ import annotations

import os
import shutil
from pathlib import Path

from parts import ROOT, load_parts


def link(sources: list[Path], target: Path) -> None:
    """Link what only one source folder has, and go deeper where several share a folder."""
    target.mkdir(parents=True)
    found: dict[str, list[Path]] = {}
    for entry in (entry for source in sources for entry in source.iterdir() if entry.name != '__pycache__'):
        found.setdefault(entry.name, []).append(entry)
    for name, entries in found.items():
        if len(entries) == 1:
            (target / name).symlink_to(os.path.relpath(entries[0], target))
        else:
            link(entries, target / name)


def main() -> None:
    """Make the tree anew."""
    tree = ROOT / '.dev'
    shutil.rmtree(tree, ignore_errors=True)
    link([part.source for part in load_parts().values() if part.source.is_dir()], tree)


if __name__ == '__main__':
    main()
