"""Config files in Python: parsed in memory, run in a namespace of their own, their names made into a config."""
from __future__ import annotations

import ast
import builtins
from types import CodeType, FunctionType, ModuleType, TracebackType
from typing import Any, NamedTuple

from mmengine.config.config_dict import ConfigDict
from mmengine.config.errors import ConfigParsingError, ConfigSyntaxError, ConfigTypeError, code_error
from mmengine.config.origins import call_recorder, instrument
from mmengine.config.plain_file import BASE_KEY as BASE_KEY
from mmengine.config.plain_file import rebuilt
from mmengine.config.recorder import RECORDER_NAME, Places, Recorder
from mmengine.config.templates import has_base_values
from mmengine.interfaces import Origin


def parse(source: str, path: str, shown: str | None = None) -> ast.Module:
    """Parse the text of a config.

    Args:
        source: The text, with what stands in `{{ }}` put in.
        path: The file, for messages and tracebacks.
        shown: The text as it is in the file, which a message quotes.
    """
    try:
        return ast.parse(source, path)
    except SyntaxError as error:
        raise _syntax_error(error, path, shown or source) from None
    except (ValueError, RecursionError, MemoryError) as error:  # a null byte; nested too deeply
        raise ConfigSyntaxError(f'{path} cannot be parsed: {error}').at(path) from error


def _syntax_error(error: SyntaxError, path: str, text: str) -> ConfigSyntaxError:
    lines = text.splitlines()
    line = error.lineno or 1
    shown = lines[line - 1] if line <= len(lines) else ''
    return ConfigSyntaxError(error.msg, (path, line, error.offset, shown))


def _is_base(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Assign) and any(
        isinstance(target, ast.Name) and target.id == BASE_KEY for target in statement.targets)


def assigns_base(tree: ast.Module) -> bool:
    """Tell whether a file has `_base_ = ...`."""
    return any(map(_is_base, tree.body))


def bases_in(tree: ast.Module, path: str) -> list[tuple[str, int]]:
    """Find what a file names as its bases, and the line of each."""
    found: list[tuple[str, int]] = []
    for statement in filter(_is_base, tree.body):
        assert isinstance(statement, ast.Assign)
        node, line = statement.value, statement.lineno
        try:
            value = _constants(node) or eval(compile(ast.Expression(node), path, 'eval'), {})
        except Exception as error:
            raise ConfigParsingError(f'`{BASE_KEY}` at {path}:{line} is read before the rest of the file runs, so it '
                                     f'can only be made of constants: {error}').at(Origin(path, line), BASE_KEY
                                                                                   ) from error
        lines = [item.lineno for item in node.elts] if isinstance(node, (ast.List, ast.Tuple)) else []
        names = listed(value, Origin(path, line))
        found = list(zip(names, lines if len(lines) == len(names) else [line] * len(names), strict=True))
    return found


def _constants(node: ast.expr) -> Any:
    """Read what most files name as their bases, a string or a list of such, without compiling it."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.List) and all(isinstance(item, ast.Constant) for item in node.elts):
        return [item.value for item in node.elts if isinstance(item, ast.Constant)]
    return None


def listed(names: Any, where: Origin) -> list[str]:
    """Give what stands in `_base_` as a list of names."""
    found = [names] if isinstance(names, str) else names
    if not isinstance(found, (list, tuple)) or not all(isinstance(name, str) for name in found):
        raise ConfigTypeError(f'`{BASE_KEY}` at {where} must be the path of a config or a list of such, '
                              f'but is {names!r}').at(where, BASE_KEY)
    return list(found)


def without_bases(tree: ast.Module) -> ast.Module:
    """Drop `_base_ = ...` from a file, since the name stands for the values of the bases while it runs."""
    return ast.Module([statement for statement in tree.body if not _is_base(statement)], tree.type_ignores)


class _BaseValues(ast.NodeTransformer):
    """Writes calls of the recorder for `{{ _base_.a.b }}`, which to Python is a set in a set, and in strings."""

    def visit_Set(self, node: ast.Set) -> ast.AST:
        inner = node.elts[0]
        if len(node.elts) == 1 and isinstance(inner, ast.Set) and len(inner.elts) == 1:
            dotted = _below_base(inner.elts[0])
            if dotted == '':
                return call_recorder('copied', node, [inner.elts[0]])
            if dotted is not None:
                return self.call('base_value', dotted, node)
        return self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, str) and has_base_values(node.value):
            return self.call('text', node.value, node)
        return node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        self.generic_visit(node)
        node.values = [value if isinstance(value, (ast.Constant, ast.FormattedValue)) else
                       ast.copy_location(ast.FormattedValue(value, -1, None), node) for value in node.values]
        return node

    def visit_MatchValue(self, node: ast.MatchValue) -> ast.AST:
        return node  # where a call cannot stand

    @staticmethod
    def call(method: str, text: str, node: ast.expr) -> ast.Call:
        args = [ast.copy_location(ast.Constant(value), node) for value in (text, node.lineno)]
        return call_recorder(method, node, args)


def _below_base(node: ast.expr) -> str | None:
    """Give the dotted key below `_base_`, empty if there are brackets in it; `None` if it is something else."""
    names: list[str] = []
    brackets = False
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        brackets = brackets or isinstance(node, ast.Subscript)
        names.append(node.attr if isinstance(node, ast.Attribute) else '')
        node = node.value
    if not isinstance(node, ast.Name) or node.id != BASE_KEY:
        return None
    return '' if brackets else '.'.join(reversed(names))


class Code(NamedTuple):
    """A file that is ready to run, as often as needed."""

    code: CodeType
    places: Places


def with_base_values(tree: ast.Module) -> ast.Module:
    """Write calls of the recorder into a tree, in place of `{{ _base_.key }}`."""
    changed: ast.Module = _BaseValues().visit(tree)
    return changed


def compiled(tree: ast.Module, file: str) -> Code:
    """Make a file ready to run; its tree is used up.

    Args:
        tree: The file, without its `_base_`.
        file: Its name.
    """
    places = Places(file)
    try:
        return Code(compile(instrument(tree, places), file, 'exec'), places)
    except SyntaxError as error:
        raise _syntax_error(error, file, error.text or '') from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise ConfigSyntaxError(f'{file} cannot be compiled: {error}').at(file) from error


def execute(code: Code, recorder: Recorder, base: ConfigDict) -> ConfigDict:
    """Run a file over the values of its bases, and make a config of its names.

    Args:
        code: The file.
        recorder: Takes down where things are written.
        base: The values of the bases, which the file may read and change.
    """
    namespace = {BASE_KEY: base}
    recorder.base = base
    run(code, recorder, namespace)
    del namespace[BASE_KEY]
    return config_of(namespace, recorder)


def run(code: Code, recorder: Recorder, namespace: dict[str, Any]) -> None:
    """Run a file in a namespace; what it raises becomes a `ConfigCodeError` with the line of the file."""
    namespace.update({'__builtins__': builtins, '__file__': recorder.file, '__name__': 'config',
                      RECORDER_NAME: recorder})
    recorder.places = code.places
    try:
        exec(code.code, namespace)
    except ConfigParsingError:
        raise
    except Exception as error:
        raise code_error(error, recorder.file, _line(error.__traceback__, recorder.file)) from error


def _line(traceback: TracebackType | None, file: str) -> int:
    line = 0
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == file:
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line


def config_of(namespace: dict[str, Any], recorder: Recorder, functions: bool = False) -> ConfigDict:
    """Make a config of what a file has left in its namespace.

    Args:
        namespace: The names and their values.
        recorder: Knows where they were assigned.
        functions: Whether functions and modules stay.
    """
    cfg = ConfigDict()
    try:
        for key, value in namespace.items():
            hidden = isinstance(key, str) and key.startswith('__')
            if not hidden and (functions or not isinstance(value, (FunctionType, ModuleType))):
                dict.__setitem__(cfg, key, rebuilt(value))
    except RecursionError as error:
        where = recorder.names.get(key, Origin(recorder.file, 1))
        text = f'{key!r} at {where} contains itself, or is nested too deeply'
        raise ConfigParsingError(text).at(where, key) from error
    cfg._set_origins(Origin(recorder.file, 1), {key: origin for key, origin in recorder.names.items() if key in cfg})
    cfg._add_past({key: steps for key, steps in recorder.past.items() if steps and key in cfg})
    return cfg
