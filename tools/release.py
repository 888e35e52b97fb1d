"""Make a release of one part: version, changelog, bounds of the parts that stand on it, commit and tag.

    python tools/release.py config 0.13.0 [--dry-run]

What changed is said in fragments, `packages/config/changes/12.feature.md` or `+slug.fix.md` (types: breaking, feature,
fix), which become a section of the part's CHANGELOG.md. A part whose range leaves the new version out is given a range
that begins with it and ends before the next minor one; a part that only needs something new raises its own lower
bound, in the change that needs it. Needs `towncrier` and `packaging`; nothing is pushed.
"""
from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import InvalidVersion, Version
from parts import ROOT, Part, load_parts, name_of

VERSION_LINE = re.compile(r"^(?P<start>(?:__version__|version)\s*(?::\s*str)?\s*=\s*)(?P<quote>['\"])"
                          r"(?P<version>[^'\"]+)(?P=quote)", re.MULTILINE)


def version_file(part: Part) -> Path:
    """Give the file that states the version: the project file, or the module that it names."""
    if 'version' in part.project:
        return part.path / 'pyproject.toml'
    named = re.search(r'\[tool\.hatch\.version\]\s*path = "([^"]+)"', (part.path / 'pyproject.toml').read_text())
    if named is None:
        raise SystemExit(f'{part.path}/pyproject.toml states no version and names no file that does')
    return part.path / named[1]


def read_version(part: Part) -> Version:
    """Read the version that the next build would have."""
    file = version_file(part)
    found = VERSION_LINE.search(file.read_text(encoding='utf-8'))
    if found is None:
        raise SystemExit(f'{file} has no line `version = "..."`')
    return Version(found['version'])


def next_minor(version: Version) -> str:
    """Give what a range of a version ends before: with 0.x each minor version may break."""
    return f'{version.major}.{version.minor + 1}' if version.major == 0 else f'{version.major + 1}'


def with_range(requirement: str, version: Version) -> str:
    """Give a requirement a range that begins with a version, unless it takes that version already."""
    if Requirement(requirement).specifier.contains(version, prereleases=True):
        return requirement
    return re.sub(r'(?<=[\w\]])\s*[<>=!~][^;]*(?=;|$)', f'>={version},<{next_minor(version)}', requirement, count=1)


def new_ranges(part: Part, version: Version, parts: dict[str, Part]) -> dict[Path, str]:
    """Give the project files of the parts whose ranges have to change, with their new texts."""
    changed = {}
    for other in parts.values():
        file = other.path / 'pyproject.toml'
        text = file.read_text(encoding='utf-8')
        ours = [r for r in (*other.requires, *other.extras) if name_of(r) == name_of(part.distribution)]
        renewed = text
        for requirement in ours:
            renewed = renewed.replace(f'"{requirement}"', f'"{with_range(requirement, version)}"')
        if renewed != text:
            changed[file] = renewed
    return changed


def check(part: Part, version: Version) -> None:
    """Refuse a release that says nothing, goes back, or would take unrelated work along."""
    current = read_version(part)
    if version < current or (version == current and _is_tagged(part, version)):
        raise SystemExit(f'{part.distribution} is {current} already: the next version has to be larger than that')
    if not (_fragments(part) or _is_written(part, version)):
        raise SystemExit(f'{part.path.relative_to(ROOT)}/changes has no fragment such as +slug.feature.md: '
                         'a release says what changed')
    status = _git('status', '--porcelain').strip()
    if status:
        raise SystemExit(f'commit or stash first what is not committed:\n{status}')


def _fragments(part: Part) -> list[Path]:
    return list((part.path / 'changes').glob('*.md'))


def _is_written(part: Part, version: Version) -> bool:
    """Tell whether the changelog has a section of this version: that of the first release was written by hand."""
    return f'\n## {version}\n' in (part.path / 'CHANGELOG.md').read_text(encoding='utf-8')


def _is_tagged(part: Part, version: Version) -> bool:
    return bool(_git('tag', '--list', f'{part.distribution}-v{version}').strip())


def _git(*arguments: str) -> str:
    return subprocess.run(['git', *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def _towncrier(part: Part, version: Version, dry_run: bool) -> str:
    tools = ROOT / 'tools'
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, 'towncrier.toml')  # which looks for its template in the folder of the part
        config.write_text((tools / 'towncrier.toml').read_text(encoding='utf-8').replace(
            '"changelog.md.jinja"', json.dumps(str(tools / 'changelog.md.jinja'))), encoding='utf-8')
        command = [sys.executable, '-m', 'towncrier', 'build', '--config', str(config), '--dir', str(part.path),
                   '--version', str(version), '--yes', *(['--draft'] if dry_run else [])]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f'towncrier ended with {done.returncode}:\n{done.stdout}{done.stderr}')
    return done.stdout


def release(part: Part, version: Version, dry_run: bool) -> None:
    """Make the release, or say what would be done."""
    check(part, version)
    file = version_file(part)
    text = VERSION_LINE.sub(rf'\g<start>\g<quote>{version}\g<quote>', file.read_text(encoding='utf-8'), count=1)
    changes = _towncrier(part, version, dry_run) if _fragments(part) else ''
    tag = f'{part.distribution}-v{version}'
    if dry_run:
        print(f'{file.relative_to(ROOT)}: version {version}\n{changes.strip()}')
        for other in new_ranges(part, version, load_parts()):
            print(f'{other.relative_to(ROOT)}: takes {part.distribution}>={version},<{next_minor(version)}')
        print(f'commit and tag {tag}')
        return
    file.write_text(text, encoding='utf-8')
    for other, renewed in new_ranges(part, version, load_parts()).items():
        other.write_text(renewed, encoding='utf-8')
    _git('add', '-A')
    if _git('status', '--porcelain'):
        _git('commit', '-q', '-m', f'Release {part.distribution} {version}')
    _git('tag', '-a', tag, '-m', f'{part.distribution} {version}')
    print(f'{tag} is made here, and not pushed: git push origin HEAD {tag}')


def main() -> None:
    """Read the arguments."""
    parts = load_parts()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('part', choices=sorted(parts))
    parser.add_argument('version')
    parser.add_argument('--dry-run', action='store_true', help='only say what would be done')
    args = parser.parse_args()
    try:
        version = Version(args.version)
    except InvalidVersion:
        raise SystemExit(f'{args.version!r} is no version such as 0.13.0') from None
    release(parts[args.part], version, args.dry_run)


if __name__ == '__main__':
    main()
