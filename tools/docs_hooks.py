"""What MkDocs is told about this repository: READMEs that are pages, and one page of reference for each package."""
from __future__ import annotations

import ast
import posixpath
import shutil
import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

sys.path.insert(0, str(Path(__file__).parent))
from docs_pages import ROOT, read_page, site_paths
from parts import load_parts

TREE = ROOT / '.nox' / 'docs-tree' / 'mmengine'
#: packages that are described; those within them are, where users import from them
PACKAGES = [
    'interfaces', 'utils', 'logging', 'cli', 'registry', 'fileio', 'config', 'dist', 'device', 'visualization',
    'visualization.testing', 'runner', '_strategy', 'hooks', 'model', 'optim', 'dataset', 'structures', 'evaluator',
    'checkpoint', 'infer', 'hub', 'analysis', 'testing', 'utils.dl_utils',
]


def exported(init: Path) -> list[str]:
    """Give the public names that a package defines or hands on, in alphabetical order."""
    names: set[str] = set()
    for node in ast.parse(init.read_text(encoding='utf-8')).body:
        if isinstance(node, ast.ImportFrom) and (node.module or '').startswith('mmengine.'):
            names |= {alias.name for alias in node.names if alias.asname == alias.name}
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
    return sorted(name for name in names if not name.startswith('_'))


def packages() -> dict[str, Path]:
    """Give the packages of the reference and of each tracker, with their `__init__.py`."""
    found = {name: TREE.joinpath(*name.split('.'), '__init__.py') for name in PACKAGES}
    trackers = sorted(name for name, part in load_parts().items() if part.path.parent.name == 'integrations')
    return {**found, **{f'integrations.{name}': TREE / 'integrations' / name / '__init__.py' for name in trackers}}


def reference(name: str, init: Path) -> str:
    """Write the page of a package."""
    members = ''.join(f'        - {member}\n' for member in exported(init))
    return f'# mmengine.{name}\n\n::: mmengine.{name}\n    options:\n      members:\n{members}'


def on_startup(command: str, dirty: bool) -> None:
    """Make the folder in which all parts are one package; copied, since links are not followed by what reads it."""
    shutil.rmtree(TREE, ignore_errors=True)
    for part in load_parts().values():
        if part.source.is_dir():
            shutil.copytree(part.source / 'mmengine', TREE, dirs_exist_ok=True)
    (TREE / 'integrations' / '__init__.py').touch()


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """List the pages that are made."""
    for entry in config.nav or []:
        if 'API' in entry:
            entry['API'] += [{f'mmengine.{name}': f'api/{name}.md'} for name in packages()]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add READMEs with their pictures, and the pages of the reference."""
    for source, target in site_paths().items():
        if files.get_file_from_path(target) is None:
            files.append(File.generated(config, target, abs_src_path=str(ROOT / source)))
    for name, init in packages().items():
        files.append(File.generated(config, f'api/{name}.md', content=reference(name, init)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Include what a page includes, and let its links lead within the site."""
    paths = site_paths()
    for source, target in paths.items():
        if target == page.file.src_uri and (posixpath.dirname(target) != 'parts' or source.startswith('docs/')):
            return read_page(source, paths)
    return markdown
