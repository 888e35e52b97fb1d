"""The first sentence of a command's help, read from its source: nothing is imported to list the commands."""
from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Iterable
from importlib.metadata import EntryPoint
from importlib.util import find_spec


def summary_of(entry: EntryPoint) -> str | None:
    """Read what a command says about itself, without importing it and the libraries that it needs.

    Args:
        entry: The entry point `name = module:function`.

    Returns:
        The first sentence of the function's docstring, or None where the source is not found or says nothing.
    """
    path = source_of(entry.module)
    if path is None:
        return None
    try:
        with open(path, encoding='utf-8') as file:
            body = ast.parse(file.read()).body
    except (OSError, SyntaxError, ValueError):
        return None
    texts = [ast.get_docstring(node) for node in body if isinstance(node, ast.FunctionDef) and node.name == entry.attr]
    return first_sentence(texts[0]) if texts and texts[0] else None


def first_sentence(text: str) -> str:
    """Cut a text after its first sentence."""
    paragraph = ' '.join(text.strip().split('\n\n')[0].split())
    return re.split(r'(?<=[.:])\s', paragraph)[0]


def source_of(module: str) -> str | None:
    """Find the file of a module without importing the module or the packages around it; None if it is not found."""
    top, *rest = module.split('.')
    folders = _folders_of(top)
    if not rest:
        spec = find_spec(top)
        return spec.origin if spec is not None else None
    below = os.path.join(*rest)
    ends = ('.py', f'{os.sep}__init__.py')
    candidates = (os.path.join(folder, f'{below}{end}') for folder in folders for end in ends)
    return next((path for path in candidates if os.path.isfile(path)), None)


def _folders_of(top: str) -> Iterable[str]:
    """Give the folders of a package; one whose parts lie in several folders knows them once it is imported."""
    if top in sys.modules:
        return list(getattr(sys.modules[top], '__path__', ()))
    spec = find_spec(top)
    return spec.submodule_search_locations or () if spec is not None else ()
