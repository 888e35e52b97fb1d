"""Look through a config for what could not be built, without building it."""
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from difflib import SequenceMatcher
from typing import Any, NamedTuple

from mmengine.interfaces import Origin, origin_of
from mmengine.registry.arguments import missing_arguments, suggest_argument, takes_any, valid_arguments
from mmengine.registry.libraries import import_registries
from mmengine.registry.node import REGISTRIES, RegistryNode
from mmengine.utils import get_object_from_string
from mmengine.utils.suggest import did_you_mean

#: how much an argument must resemble one that is named, where a class takes any; `out_dir` and `out_dirs` do
_SLIP = 0.9
#: keys that are taken out of a config before the class is called, everywhere and by registry
_TAKEN_OUT = frozenset({'type', '_scope_', '_delete_'})
_TAKEN_OUT_OF = {
    'hook': {'priority'}, 'optim_wrapper': {'constructor', 'paramwise_cfg'},
    'parameter scheduler': {'convert_to_iter_based'}, 'norm': {'requires_grad'},
}
#: arguments that the code which builds an object hands in, by registry
_HANDED_IN = {
    'optimizer': {'params'}, 'parameter scheduler': {'optimizer'}, 'loop': {'runner', 'dataloader', 'evaluator'},
    'data sampler': {'dataset'}, 'vis_backend': {'save_dir'}, 'optim_wrapper': {'optimizer'},
    'model_wrapper': {'module'},
}
#: key of a config -> the registry that its dicts are of
_REGISTRY_OF = {
    'model': 'model', 'data_preprocessor': 'model', 'visualizer': 'visualizer', 'vis_backends': 'vis_backend',
    'dataset': 'dataset', 'sampler': 'data sampler', 'pipeline': 'transform', 'transforms': 'transform',
    'optimizer': 'optimizer', 'optim_wrapper': 'optim_wrapper', 'param_scheduler': 'parameter scheduler',
    'train_cfg': 'loop', 'val_cfg': 'loop', 'test_cfg': 'loop', 'default_hooks': 'hook', 'custom_hooks': 'hook',
    'val_evaluator': 'metric', 'test_evaluator': 'metric', 'log_processor': 'log_processor',
    'init_cfg': 'weight initializer', 'norm_cfg': 'norm', 'collate_fn': 'function', 'worker_init_fn': 'function',
}


class Finding(NamedTuple):
    """One thing that is wrong with a config: what kind of thing, at which key, in which file and line."""

    kind: str
    key: str
    origin: Origin | None
    text: str

    def __str__(self) -> str:
        return f'{self.origin or "unknown place"}: {self.key}: {self.text}'


def check_config(cfg: Any) -> list[Finding]:
    """List every unknown `type`, unknown argument and missing argument of a config, and scopes that cannot be asked.

    The modules that register the named classes are imported, and nothing is constructed. A dict whose `type` is found
    is checked against the signature of that.

    Args:
        cfg: The config.
    """
    scope = cfg.get('default_scope') if isinstance(cfg.get('default_scope'), str) else None
    findings = list(_walk(cfg, '', '', scope))
    # First, as it explains many of the others.
    return [*_scopes(cfg, '', set()), *findings]


def _scopes(value: Any, path: str, seen: set[str]) -> Iterator[Finding]:
    """Find scopes whose registries cannot be asked, each once."""
    if isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _scopes(item, f'{path}.{index}', seen)
    if not isinstance(value, Mapping) and path:
        return
    for key in list(value):
        inner = f'{path}.{key}' if path else str(key)
        try:
            item = value[key]
        except Exception:  # a lazily imported object, which `_walk` reports
            continue
        if isinstance(item, str) and key in ('default_scope', '_scope_') and item not in seen:
            seen.add(item)
            if all(node.scope != item for node in list(REGISTRIES)):
                reason = import_registries(item)
                if reason is not None:
                    text = f'the scope {item!r} cannot be asked: {reason}'
                    yield Finding('scope', inner, origin_of(value, key), text)
        yield from _scopes(item, inner, seen)


def _walk(value: Any, path: str, kind: str, scope: str | None) -> Iterator[Finding]:
    if isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _walk(item, f'{path}.{index}', kind, scope)
        return
    if not isinstance(value, Mapping) and path:  # the whole may be an object that reads as a mapping
        return
    if 'type' in value:
        own = value.get('_scope_')
        scope = own if isinstance(own, str) else scope
        yield from _check_dict(value, path, kind, scope)
    for key in list(value):
        inner = f'{path}.{key}' if path else str(key)
        try:
            item = value[key]
        except Exception as error:  # a lazily imported object; whatever its import runs into is the finding
            if key != 'type':  # which has been looked at
                yield Finding('import', inner, origin_of(value, key), str(error))
            continue
        yield from _walk(item, inner, _REGISTRY_OF.get(str(key), kind), scope)


def _check_dict(cfg: Any, path: str, kind: str, scope: str | None) -> Iterator[Finding]:
    try:
        wanted = cfg['type']
        target = _find(wanted, kind, scope) if isinstance(wanted, str) else wanted
    except Exception as error:  # of the import that the name leads to
        yield Finding('type', path, origin_of(cfg, 'type') or origin_of(cfg), f'type does not import: {error}')
        return
    if target is None:
        near = did_you_mean(wanted, {name for node in list(REGISTRIES) for name in node.module_dict})
        yield Finding('type', path, origin_of(cfg, 'type') or origin_of(cfg), f'no registry has {wanted!r}.{near}')
    elif callable(target):
        yield from _check_arguments(cfg, target, path, kind)


def _check_arguments(cfg: Any, target: Callable[..., Any], path: str, kind: str) -> Iterator[Finding]:
    name = getattr(target, '__name__', repr(target))
    taken = _TAKEN_OUT_OF.get(kind, set())
    given = [str(key) for key in cfg if key not in _TAKEN_OUT and key not in taken]
    valid = {parameter.name for parameter in valid_arguments(target)}
    for key in given:
        where = f'{path}.{key}' if path else key, origin_of(cfg, key) or origin_of(cfg)
        if key in valid:
            continue
        if not takes_any(target):
            text = f'{name} has no argument {key!r}.{suggest_argument(target, key)}'
            yield Finding('argument', *where, text)
        elif any(_is_slip(key, known) for known in valid):
            text = f'{name} takes any argument, but names none {key!r}.{suggest_argument(target, key)}'
            yield Finding('argument', *where, text)
    # A part whose sizes the class around it hands in; a function that is called with more later.
    if (path.endswith('_cfg') and kind != 'loop') or kind == 'function':
        return
    for key in missing_arguments(target, given):
        if key not in _HANDED_IN.get(kind, ()):
            yield Finding('missing', path, origin_of(cfg), f'{name} needs the argument {key!r}, which is not given.')


def _is_slip(key: str, known: str) -> bool:
    """Tell whether two names differ by so little that one is taken for the other; digits may always differ."""
    digits = str.maketrans('', '', '0123456789')
    one, other = key.translate(digits), known.translate(digits)
    return one != other and SequenceMatcher(None, one, other).ratio() >= _SLIP


def _find(name: str, kind: str, scope: str | None) -> Any:
    """Find what a name stands for: in the registry that the place in the config speaks for, else in any."""
    if scope is not None:
        import_registries(scope)
    nodes = sorted(REGISTRIES, key=lambda node: (node.name != kind, node.parent is not None, node.label))
    seen: set[int] = set()
    for node in nodes:
        start = _of_scope(node, scope)
        if id(start) in seen:
            continue
        seen.add(id(start))
        found = start.get(name)
        if found is not None:
            return found
    return get_object_from_string(name) if '.' in name else None


def _of_scope(node: RegistryNode, scope: str | None) -> RegistryNode:
    found = node.root._search_child(scope) if scope is not None else None
    return node if found is None else found
