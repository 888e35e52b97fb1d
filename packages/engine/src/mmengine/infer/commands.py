"""The command `mmengine infer`; only the program imports this, so that click is needed by nobody else."""
from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import IO, Any

import click

from mmengine.checkpoint import BrokenCheckpointError, UnsafeCheckpointError
from mmengine.config import Config
from mmengine.config.commands import Refused, allow_new_keys, cfg_options
from mmengine.infer.infer import BaseInferencer
from mmengine.infer.inputs import chunks, files_in
from mmengine.infer.results import _plain
from mmengine.registry import INFERENCERS, init_default_scope
from mmengine.runner.commands import read_config


@click.command()
@click.argument('config', type=click.Path(exists=True, dir_okay=False))
@click.argument('checkpoint')
@click.argument('inputs', nargs=-1, required=True, metavar='INPUT...')
@click.option('--out', type=click.Path(dir_okay=False), help='Write the lines to a file instead.')
@click.option('--batch-size', type=click.IntRange(min=1), default=1, show_default=True,
              help='How many inputs are given to the model at a time.')
@click.option('--device', help='Device of the model, such as cpu; by default the accelerator if there is one.')
@click.option('--trust', is_flag=True, help='Read a checkpoint that holds any object. Reading it may run any code.')
@allow_new_keys
@cfg_options
def infer(config: str, checkpoint: str, inputs: tuple[str, ...], out: str | None, batch_size: int, device: str | None,
          trust: bool, allow_new: bool, options: tuple[str, ...]) -> None:
    """Predict files with a model, and print a line of JSON for each: its input and its prediction.

    INPUT is a file, a folder (its files), or a URI. What makes predictions is the inferencer of the config,
    inferencer=dict(type=..., and further arguments), or else the pipeline of its test data, which is given the path
    as img_path.

    Exit codes: 0 all inputs are predicted; 1 it failed; 2 the command, the config or an input is wrong.

    \b
    Example:
        mmengine infer configs/my_config.py epoch_12.pth pictures/ --batch-size 8 --out predictions.jsonl
    """
    files = list(_listed(inputs))
    cfg = read_config(config, options, allow_new, None, None)
    with _lines_to(out) as target, redirect_stdout(sys.stderr), _errors():  # what is logged is no prediction
        inferencer = _inferencer(cfg, checkpoint, device, trust)
        results = inferencer.stream(files, batch_size=batch_size)
        for chunk, result in zip(chunks(files, batch_size), results, strict=True):
            for source, prediction in _paired(chunk, result):
                print(json.dumps({'input': source, 'prediction': _plain(prediction, False)}), file=target, flush=True)


def _listed(inputs: Iterable[str]) -> Iterator[str]:
    for one in inputs:
        if '://' not in one and not os.path.exists(one):
            raise Refused(f'There is no input {one!r}')
        found = files_in(one)
        if found == []:
            raise Refused(f'There is no file in the folder {one!r}')
        yield from [one] if found is None else found


@contextmanager
def _lines_to(out: str | None) -> Iterator[IO[str]]:
    if out is None:
        yield sys.stdout
        return
    with open(out, 'w', encoding='utf-8') as file:
        yield file


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except UnsafeCheckpointError as error:
        raise click.ClickException(f'{error} Here: --trust') from error
    except BrokenCheckpointError as error:
        raise click.ClickException(str(error)) from error
    except FileNotFoundError as error:
        raise Refused(str(error)) from error


def _inferencer(cfg: Config, checkpoint: str, device: str | None, trust: bool) -> BaseInferencer:
    if cfg.get('default_scope') is not None:
        init_default_scope(cfg.default_scope)
    settings: dict[str, Any] = {'type': 'PipelineInferencer', **(cfg.get('inferencer') or {})}
    made = INFERENCERS.build({**settings, 'model': cfg, 'weights': checkpoint, 'device': device,
                              **({'trust_checkpoint': True} if trust else {})})
    if not isinstance(made, BaseInferencer):
        raise Refused(f'inferencer.type is {settings["type"]!r}, which is no BaseInferencer, but {type(made).__name__}')
    return made


def _paired(chunk: list[str], result: Any) -> Iterator[tuple[Any, Any]]:
    """Give each input with its prediction, or all of a batch with what was returned where that tells them not apart."""
    found = result.get('predictions') if isinstance(result, dict) else result
    if isinstance(found, (list, tuple)) and len(found) == len(chunk):
        yield from zip(chunk, found, strict=True)
    else:
        yield chunk, result
