"""Passwords, tokens and API keys taken out of what is recorded, printed or written, and of nothing that is used."""
from __future__ import annotations

import copy
import os
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

_Config = TypeVar('_Config')

#: What stands in the place of a secret. One that an environment variable holds is written so that loading the config
#: puts it in again: `{{$WANDB_API_KEY:secret-removed}}`.
REMOVED = 'secret-removed'
#: A value of an environment variable that is shorter is not looked for in texts, where it would match by chance.
SHORTEST = 8

_SECRET_KEY = re.compile(
    r'(^|_)(api_?key|apikey|api_?secret|access_?key(_id)?|secret(_?(access_?)?key)?|private_?key|password|passwd|passphrase|'
    r'credentials?|authorization|auth|cookie|(api|access|auth|bearer|refresh|session|hf|wandb|github|gitlab)_?token)$')
_TOKEN_KEY = re.compile(r'(^|_)token$')
#: A token of the vocabulary of a language model, and not of a service, has few letters or an odd one.
_TOKEN_VALUE = re.compile(r'[A-Za-z0-9_.=+/:~-]{16,}')
_ENVIRONMENT_KEY = re.compile(r'(^|_)(\w*key(_id)?|tokens?|secret|password|passwd|pass|credentials?|pat)$')
_IN_TEXT = (
    (re.compile(r'(\b[A-Za-z][\w+.-]*://[^\s/:@\'"]*):[^\s/@\'"]+@'), rf'\1:{REMOVED}@'),
    (re.compile(r'(?i)([?&](?:\w*token|sig|signature|key|api_?key|secret|password|x-amz-\w+)=)[^&\s\'"]+'),
     rf'\1{REMOVED}'),
    (re.compile(r'(?i)\b((?:bearer|basic)\s+)[A-Za-z0-9_.=+/~-]{16,}'), rf'\1{REMOVED}'),
    (re.compile(r'\b(?:gh[pousr]_\w{36,}|github_pat_\w{22,}|glpat-[\w-]{20,}|hf_[A-Za-z0-9]{30,}|sk-[\w-]{20,}|'
                r'AKIA[0-9A-Z]{16}|xox[abprs]-[\w-]{10,})'), REMOVED),
)


def redact(config: _Config) -> _Config:
    """Give a config without secrets: itself if it has none, else a copy.

    A secret is known by the name of its key (`api_key`, `password`, `token`, ...), by being the value of an
    environment variable of such a name, or by its form, such as a password within an address.

    Args:
        config: A `Config`, or dictionaries and lists.
    """
    known = _environment()
    if not _is_config(config):
        return _scrub(config, '', known)[0]  # type: ignore[no-any-return]  # what was a dictionary is one
    plain: Mapping[str, Any] = config.to_dict()  # type: ignore[attr-defined]
    keys = [key for key, value in plain.items() if _scrub(value, key, known)[1]]
    if not keys:
        return config
    result: Any = copy.deepcopy(config)
    for key in keys:
        result[key] = _scrub(result[key], key, known)[0]
    # The text of the file and the variables in it: nothing prints them, but they are attributes of the config.
    secrets = secrets_in(plain)
    for name in ('_text', '_env_variables'):
        if name in vars(result):
            vars(result)[name] = _map_strings(vars(result)[name], lambda text: redact_text(text, secrets))
    return result  # type: ignore[no-any-return]  # deepcopy gives what it got


def redact_text(text: str, secrets: Iterable[str] = ()) -> str:
    """Take secrets out of a text, such as the message of an error.

    Args:
        text: The text.
        secrets: Further strings that may not be in it.
    """
    for secret in secrets:
        text = text.replace(secret, REMOVED)
    return _without(text, _environment())


def secrets_in(value: Any) -> frozenset[str]:
    """Collect the strings that stand under the key of a secret."""
    found: set[str] = set()
    _collect(value, '', found)
    return frozenset(found)


def is_secret_key(key: object, value: object = None) -> bool:
    """Tell whether something by the name of `key` is a secret, if it is a string."""
    name = re.sub(r'[^a-z0-9]+', '_', re.sub(r'([a-z])([A-Z])', r'\1_\2', str(key)).lower()).strip('_')
    if _SECRET_KEY.search(name):
        return True
    return bool(_TOKEN_KEY.search(name)) and isinstance(value, str) and bool(_TOKEN_VALUE.fullmatch(value))


def _is_config(value: Any) -> bool:
    return hasattr(type(value), 'to_dict') and hasattr(type(value), '__getitem__') and not isinstance(value, Mapping)


def _environment() -> dict[str, str]:
    """Map the secrets in the environment to the names of their variables, the longest first."""
    found = {value: name for name, value in os.environ.items()
             if len(value) >= SHORTEST and _ENVIRONMENT_KEY.search(name.lower())}
    return dict(sorted(found.items(), key=lambda pair: -len(pair[0])))


def _without(text: str, known: Mapping[str, str]) -> str:
    for secret, variable in known.items():
        if secret in text:
            text = text.replace(secret, _variable(variable))
    for pattern, instead in _IN_TEXT:
        text = pattern.sub(instead, text)
    return text


def _variable(name: str) -> str:
    return f'{{{{${name}:{REMOVED}}}}}'


def _scrub(value: Any, key: object, known: Mapping[str, str], hide: bool = False) -> tuple[Any, bool]:
    """Give a value without secrets, and whether there were any; containers without any are not made anew."""
    hide = hide or is_secret_key(key, value)
    if isinstance(value, str):
        text = _hidden(value, known) if hide and value else _without(value, known)
        return (text, True) if text != value else (value, False)
    if isinstance(value, dict):
        # Of the dictionary itself, so that what a config imports when it is read stays as it is.
        parts = {name: _scrub(item, name, known, hide) for name, item in dict.items(value)}
        if not any(changed for _, changed in parts.values()):
            return value, False
        result = copy.copy(value)
        for name, (item, changed) in parts.items():
            if changed:
                dict.__setitem__(result, name, item)
        return result, True
    if type(value) in (list, tuple):
        items = [_scrub(item, '', known, hide) for item in value]
        if any(changed for _, changed in items):
            return type(value)([item for item, _ in items]), True
    return value, False


def _hidden(value: str, known: Mapping[str, str]) -> str:
    if value == REMOVED or re.fullmatch(r'\{\{\s*\$.*\}\}', value):
        return value
    return _variable(known[value]) if value in known else REMOVED


def _collect(value: Any, key: object, found: set[str], hide: bool = False) -> None:
    hide = hide or is_secret_key(key, value)
    if isinstance(value, str):
        if hide and len(value) >= SHORTEST and value != REMOVED:
            found.add(value)
    elif isinstance(value, Mapping):
        for name, item in (dict.items(value) if isinstance(value, dict) else value.items()):
            _collect(item, name, found, hide)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _collect(item, '', found, hide)


def _map_strings(value: Any, function: Callable[[str], str]) -> Any:
    if isinstance(value, Mapping):
        return {key: _map_strings(item, function) for key, item in value.items()}
    return function(value) if isinstance(value, str) else value
