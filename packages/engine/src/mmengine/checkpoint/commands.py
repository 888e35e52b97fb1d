"""The command `mmengine checkpoint`; only the program imports this, so that click is needed by nobody else."""
from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from mmengine.checkpoint.examine import examine
from mmengine.checkpoint.export import WEIGHTS, export_checkpoint
from mmengine.checkpoint.files import BrokenCheckpointError
from mmengine.checkpoint.look import TensorFact, Unmade, look_into, tensors_in
from mmengine.checkpoint.safety import UnsafeCheckpointError
from mmengine.cli.output import as_json, print_json, print_table
from mmengine.utils.suggest import did_you_mean

#: How many tensors are shown where no name is given.
_SHOWN = 30
_trust = click.option('--trust', is_flag=True,
                      help='Read a file that holds any object. Reading it may run any code: only for files of yours.')


@click.group()
def checkpoint() -> None:
    """Show, strip, convert and verify checkpoints.

    A checkpoint is a file of torch.save, a .safetensors file, or a folder of shards. Nothing in a file is run as code
    unless --trust says so.

    Exit codes: 0 all is well; 1 a checkpoint is damaged, or holds what may run code; 2 the command is wrong, or there
    is no such file or key.

    \b
    Example:
        mmengine checkpoint show work_dirs/my_config/epoch_12.pth
    """


class _Wrong(click.ClickException):
    exit_code = 2


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except UnsafeCheckpointError as error:
        raise click.ClickException(f'{str(error).split(" If you trust")[0]} If you trust where the file comes from: '
                                   f'--trust') from error
    except BrokenCheckpointError as error:
        raise click.ClickException(str(error)) from error
    except (FileNotFoundError, ModuleNotFoundError, ValueError, RuntimeError) as error:
        raise _Wrong(str(error)) from error
    except KeyError as error:
        raise _Wrong(str(error.args[0])) from error


@checkpoint.command()
@click.argument('path')
@click.option('--key', '-k', metavar='TEXT', help='List all tensors with this in their name.')
@as_json
def show(path: str, key: str | None, as_json: bool) -> None:
    """Show what a checkpoint holds: sizes, meta information, names and shapes of tensors.

    The file is not loaded: no object of it is made, so that one of unknown origin may be looked at.

    \b
    Example:
        mmengine checkpoint show epoch_12.pth --key backbone.layer1
    """
    with _errors():
        found = look_into(path)
    tensors = dict(tensors_in(found))
    chosen = {name: fact for name, fact in tensors.items() if key is None or key.casefold() in name.casefold()}
    if key is not None and not chosen:
        parts = dict.fromkeys(part for name in tensors for part in (name, name.rpartition('.')[2], *name.split('.')))
        raise _Wrong(f'No tensor has {key!r} in its name.{did_you_mean(key, parts)}')
    if as_json:
        print_json({'path': path, 'bytes': _size_on_disk(Path(path)), 'meta': _plain(found.get('meta')),
                    'items': _items(found), 'tensors': {name: fact._asdict() for name, fact in chosen.items()}})
        return
    _print_facts(path, found)
    weights = [name for name in chosen if name.startswith('state_dict.')] or list(chosen)
    shown = list(chosen) if key is not None else weights[:_SHOWN]
    click.echo()
    print_table(['tensor', 'shape', 'type', 'elements', 'bytes'], [
        (name, 'x'.join(map(str, chosen[name].shape)) or '1', chosen[name].dtype, chosen[name].elements,
         _bytes(chosen[name].size)) for name in shown], ['cyan'])
    if len(shown) < len(chosen):
        click.echo(f'... and {len(chosen) - len(shown)} more: --key TEXT lists those with TEXT in their name')


def _print_facts(path: str, found: dict[str, Any]) -> None:
    meta = found.get('meta')
    rows = [('file', path), ('size', _bytes(_size_on_disk(Path(path))))]
    if isinstance(meta, dict):
        rows += [(f'meta.{name}', _short(value)) for name, value in meta.items()]
    print_table(['', ''], rows, ['bold'])
    click.echo()
    print_table(['item', 'holds', 'tensors', 'bytes'], [
        (name, item['type'], item['tensors'] or '-', _bytes(item['bytes']) if item['tensors'] else '-')
        for name, item in _items(found).items()], ['cyan'])


def _items(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    items = {}
    if all(isinstance(value, TensorFact) for value in found.values()):  # a bare state dict
        found = {'(all)': found}
    for name, value in found.items():
        facts = [fact for _, fact in tensors_in(value)]
        kind = f'{len(value)} items' if isinstance(value, (dict, list, tuple)) else _short(value)
        items[str(name)] = {'type': kind, 'tensors': len(facts), 'bytes': sum(fact.size for fact in facts)}
    return items


def _plain(value: Any) -> Any:
    if isinstance(value, (TensorFact, Unmade)):
        return str(value)
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def _short(value: Any) -> str:
    text = str(value)
    if '\n' in text:
        return f'{text.count(chr(10)) + 1} lines'
    return text if len(text) <= 100 else f'{text[:97]}...'


def _size_on_disk(path: Path) -> int:
    path = path.expanduser()
    return sum(one.stat().st_size for one in ([path] if path.is_file() else path.rglob('*')) if one.is_file())


def _bytes(size: int) -> str:
    amount = float(size)
    for unit in ('B', 'kB', 'MB'):
        if amount < 1000:
            return f'{amount:.3g} {unit}'
        amount /= 1000
    return f'{amount:.4g} GB'


@checkpoint.command()
@click.argument('path')
@click.option('--out', '-o', help='Path of the copy; the hash is added to its name. By default beside the file.')
@click.option('--keep', multiple=True, metavar='KEY', help='Keep this item too, such as optimizer; may be repeated.')
@_trust
def strip(path: str, out: str | None, keep: tuple[str, ...], trust: bool) -> None:
    """Write a copy to hand on: weights and meta information, without the optimizer and all that a run needs to go on.

    Its name ends in the first 8 digits of its SHA-256, which downloads are checked with.

    \b
    Example:
        mmengine checkpoint strip epoch_12.pth --out my_model.pth
    """
    from mmengine.checkpoint.publish import NEEDED, strip_checkpoint
    with _errors():
        written, left_out = strip_checkpoint(path, out, (*NEEDED, *keep), trusted=trust)
    click.echo(written)
    click.echo(f'{_bytes(_size_on_disk(Path(path)))} became {_bytes(os.path.getsize(written))}; left out: '
               f'{", ".join(left_out) or "nothing"}', err=True)


@checkpoint.command()
@click.argument('source')
@click.argument('destination')
@click.option('--weights', type=click.Choice(WEIGHTS), help='Write these weights and the meta information alone. Where '
                                                            'an EMAHook ran, the default is the average.')
@_trust
def convert(source: str, destination: str, weights: str | None, trust: bool) -> None:
    """Write a checkpoint in another form: shards as one file, .pth as .safetensors, and back.

    A .safetensors file gets the weights and the meta information (pip install 'mmparts-engine[safetensors]'), a .pth
    file all that SOURCE holds. Of a work_dir, the newest whole checkpoint is taken.

    \b
    Example:
        mmengine checkpoint convert epoch_12.pth model.safetensors
        mmengine checkpoint convert work_dirs/my_config/epoch_12 epoch_12.pth
    """
    if os.path.realpath(source) == os.path.realpath(destination):
        raise click.UsageError('SOURCE and DESTINATION are the same file')
    with _errors():
        export_checkpoint(source, destination, weights=weights, trusted=trust)
    click.echo(destination)


@checkpoint.command()
@click.argument('paths', nargs=-1, required=True, metavar='PATH...')
@_trust
@as_json
def verify(paths: tuple[str, ...], trust: bool, as_json: bool) -> None:
    """Verify that checkpoints are whole: by their checksums, by the record of shards, or by reading them.

    PATH is a checkpoint or a work_dir; of this, all checkpoints are verified, and that last_checkpoint leads to one.
    Exit code 1 if one is damaged.

    \b
    Example:
        mmengine checkpoint verify work_dirs/my_config
    """
    verdicts = [verdict for path in paths for verdict in examine(path, trusted=trust)]
    if as_json:
        print_json([verdict._asdict() for verdict in verdicts])
    else:
        for verdict in verdicts:
            click.secho(f'{"whole " if verdict.whole else "BROKEN"}  {verdict.path}: {verdict.text}',
                        fg=None if verdict.whole else 'red')
    if not all(verdict.whole for verdict in verdicts):
        click.get_current_context().exit(1)
