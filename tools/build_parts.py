"""Build the wheels and source distributions of the parts that changed since the last build.

    python tools/build_parts.py dist

A wheel is built from the source distribution, which so proves to be complete. Needs `build` and `hatchling`.
"""
from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from parts import Part, load_parts


def build(part: Part, dist: Path) -> None:
    """Build one part, without an isolated environment: the session has the build backend."""
    command = [sys.executable, '-m', 'build', '--no-isolation', '--outdir', str(dist), str(part.path)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f'{part.distribution} does not build:\n{done.stdout}{done.stderr}')


def main() -> None:
    """Bring the folder of artifacts up to date."""
    dist = Path(sys.argv[1] if len(sys.argv) > 1 else 'dist')
    dist.mkdir(parents=True, exist_ok=True)
    stamps = dist / '.stamps.json'
    known = json.loads(stamps.read_text()) if stamps.exists() else {}
    kept: set[Path] = set()
    fresh: dict[str, str] = {}
    built = []
    for name, part in load_parts().items():
        digest = part.digest()
        if known.get(name) != digest or not all(part.artifact(dist, suffix) for suffix in ('.whl', '.tar.gz')):
            build(part, dist)
            built.append(name)
        fresh[name] = digest
        kept |= {file for suffix in ('.whl', '.tar.gz') if (file := part.artifact(dist, suffix))}
        stamps.write_text(json.dumps({**known, **fresh}))
    for file in {*dist.glob('*.whl'), *dist.glob('*.tar.gz')} - kept:
        file.unlink()  # an older version, or a part that is no more
    stamps.write_text(json.dumps(fresh))
    print(f'{len(kept)} files in {dist}/; built now: {", ".join(built) or "none, nothing changed"}')


if __name__ == '__main__':
    main()
