"""The program with the commands of all parts: every one explains itself, and they work on each other's files."""
from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from mmengine.cli.commands import program
from mmengine.config.migration.differences import PARAMWISE
from mmengine.optim.optimizer.default_constructor import _KEYS

DIGITS = Path(__file__).parents[2] / 'examples' / 'digits'


def every(command: click.Command, context: click.Context,
          path: str = 'mmengine') -> Iterator[tuple[str, click.Command]]:
    """Give all commands with the words that call them."""
    yield path, command
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from every(below, click.Context(below, parent=context, info_name=name), f'{path} {name}')


COMMANDS = dict(every(program, click.Context(program, info_name='mmengine')))


def test_all_commands_are_there() -> None:
    wanted = dict(config='show diff tree explain check', registry='ls find', runs='ls show compare plot',
                  checkpoint='show strip convert verify')
    names = {f'mmengine {group} {name}' for group, below in wanted.items() for name in below.split()}
    names |= {f'mmengine {name}' for name in ['train', 'test', 'infer', 'resume', 'doctor', 'migrate', 'completion']}
    assert not names - COMMANDS.keys()


def test_the_known_keys_of_parameter_groups_are_those_of_the_engine() -> None:
    assert set(PARAMWISE) == set(_KEYS)


def resolved(words: list[str]) -> tuple[click.Command, list[str]]:
    """Follow the words of a line to the command, and give the arguments behind it."""
    command: click.Command = program
    path = words.pop(0)
    assert path == 'mmengine'
    while isinstance(command, click.Group) and words:
        path = f'{path} {words.pop(0)}'
        command = COMMANDS[path]
    return command, words


@pytest.mark.parametrize('path', sorted(COMMANDS))
def test_help_has_an_example_whose_options_exist(path: str) -> None:
    command = COMMANDS[path]
    text = (command.help or '').replace('\b', '')
    heading, _, example = text.partition('Example:\n')
    assert heading.strip()
    lines = [line for line in example.splitlines() if line.strip()]
    assert lines, f'{path} has no example'
    assert any(line.split()[:len(path.split())] == path.split() for line in lines)
    for line in lines:
        called, arguments = resolved(shlex.split(line, comments=True))
        assert not isinstance(called, click.Group) or not arguments
        known = {name for parameter in called.params for name in (*parameter.opts, *parameter.secondary_opts)}
        for word in arguments:
            if word.startswith('-'):
                assert word.partition('=')[0] in known, line
        required = [parameter for parameter in called.params if isinstance(parameter, click.Argument)
                    and parameter.required]
        assert len([word for word in arguments if not word.startswith('-')]) >= len(required)


def test_the_help_of_the_program_tells_the_exit_codes() -> None:
    text = CliRunner().invoke(program, ['--help'], prog_name='mmengine').output
    assert 'Exit codes' in text
    assert all(f'\n      {code}  ' in text for code in (0, 1, 2, 130))
    for name in (path.split()[1] for path in COMMANDS if len(path.split()) == 2):
        assert f'\n  {name}  ' in text
    assert 'does not import' not in text


def test_commands_that_need_no_torch_import_none(tmp_path: Path) -> None:
    (tmp_path / 'a.py').write_text("optimizer = dict(type='SGD', lr=0.1)\n")
    (tmp_path / 'scalars.json').write_text('{"loss": 1.0, "step": 1}\n')
    calls = [['--help'], ['config', 'show', 'a.py'], ['migrate', 'a.py'], ['registry', 'ls'], ['runs', 'show', '.'],
             ['runs', 'plot', '.'], ['doctor'], ['completion', 'zsh']]
    code = ('import json, sys\nfrom click.testing import CliRunner\nfrom mmengine.cli.commands import program\n'
            'for call in json.loads(sys.argv[1]):\n'
            '    result = CliRunner().invoke(program, call, prog_name="mmengine")\n'
            '    assert result.exit_code in (0, 1) and result.output, (call, result.output, result.exception)\n'
            '    heavy = {"torch", "matplotlib", "cv2"} & set(sys.modules)\n'
            '    assert not heavy, (call, heavy)\n'
            'print("none")')
    done = subprocess.run([sys.executable, '-c', code, json.dumps(calls)], capture_output=True, text=True, check=False,
                          cwd=tmp_path)
    assert done.stdout == 'none\n', done.stderr


def run(*args: str, status: int = 0) -> str:
    result = CliRunner().invoke(program, list(args), prog_name='mmengine')
    assert result.exit_code == status, (result.output, result.exception)
    return result.output


def test_from_training_to_predictions_and_curves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for file in DIGITS.glob('*.py'):
        shutil.copy(file, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, 'path', list(sys.path))
    small = ('-o', 'model.width=4')
    run('train', 'config.py', *small, '-o', 'train_cfg.max_epochs=1', '-o', 'default_hooks.curves=None')
    assert json.loads(run('runs', 'ls', '--json', '--key', 'accuracy'))[0]['status'] == 'success'
    run('runs', 'plot', 'work_dirs/digits', '--out', 'curves.html')
    assert 'accuracy' in Path('curves.html').read_text(encoding='utf-8')
    assert 'BROKEN' not in run('checkpoint', 'verify', 'work_dirs/digits')
    stripped = run('checkpoint', 'strip', 'work_dirs/digits/epoch_1.pth', '--out', 'net.pth').splitlines()[0]
    run('checkpoint', 'convert', stripped, 'net.safetensors')
    run('checkpoint', 'convert', 'net.safetensors', 'back.pth')
    Image.fromarray(np.full((8, 8), 7, np.uint8)).save('picture.png')
    for number, weights in enumerate(('work_dirs/digits/epoch_1.pth', stripped, 'back.pth')):
        run('infer', 'config.py', weights, 'picture.png', *small, '--device', 'cpu', '--out', f'{number}.jsonl')
    first, *others = (Path(f'{number}.jsonl').read_text() for number in range(3))
    assert json.loads(first)['prediction']['predicted'] in range(10)
    assert others == [first, first]
    assert 'SmallNet' in run('registry', 'find', 'smallnet')


def test_a_config_of_mmcv_is_migrated_and_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / 'old.py').write_text('''
custom_imports = dict(imports=['digits', 'network'])
default_scope = 'mmengine'
model = dict(type='SmallNet', num_classes=10, width=4)
data = dict(samples_per_gpu=64, workers_per_gpu=0,
            train=dict(type='digits', split='train', pipeline=[dict(type='PicturesToTensors')]))
optimizer = dict(type='SGD', lr=0.1, momentum=0.9)
optimizer_config = dict(grad_clip=dict(max_norm=5))
lr_config = dict(policy='CosineAnnealing', min_lr=0.001, by_epoch=False, warmup='linear', warmup_iters=5)
runner = dict(type='EpochBasedRunner', max_epochs=1)
checkpoint_config = dict(interval=1)
log_config = dict(interval=5, hooks=[dict(type='TextLoggerHook')])
workflow = [('train', 1)]
seed = 1
''')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, 'path', list(sys.path))
    run('migrate', 'old.py', '--write', 'new.py')
    run('train', 'new.py', '--work-dir', 'work_dirs/new', '-o', 'train_dataloader.collate_fn.type=default_collate',
        '--allow-new')
    losses = json.loads(run('runs', 'show', 'work_dirs/new', '--json'))['series']['loss']
    assert losses['last']['value'] < losses['first']
