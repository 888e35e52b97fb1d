"""The command `mmengine infer`, on files of numbers."""
from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result

from mmengine.checkpoint import write_checkpoint
from mmengine.cli.commands import program

MODULE = '''
from pathlib import Path
import torch
from mmengine.infer import BaseInferencer
from mmengine.model import BaseModel
from mmengine.registry import INFERENCERS, MODELS, TRANSFORMS
from mmengine.structures import BaseDataElement


@TRANSFORMS.register_module(force=True)
class ReadNumbers:
    def __call__(self, record):
        return dict(inputs=torch.tensor([float(word) for word in Path(record['img_path']).read_text().split()]))


@TRANSFORMS.register_module(force=True)
class NeedsMore:
    def __call__(self, record):
        return record['picture']


@MODELS.register_module(force=True)
class Scale(BaseModel):
    def __init__(self):
        super().__init__()
        self.factor = torch.nn.Parameter(torch.ones(1))

    def forward(self, inputs, mode='tensor'):
        print('a model that prints')
        return [BaseDataElement(total=value.sum() * self.factor, batch=len(inputs)) for value in inputs]


@INFERENCERS.register_module(force=True)
class Whole(BaseInferencer):
    def __init__(self, *args, word, **kwargs):
        self.word = word
        super().__init__(*args, **kwargs)

    def _init_pipeline(self, cfg):
        return lambda path: dict(inputs=torch.ones(2))

    def visualize(self, inputs, preds, **kwargs):
        return None

    def postprocess(self, preds, visualization, return_datasample=False):
        return dict(predictions=dict(number=len(preds)), word=self.word)
'''
CONFIG = '''
custom_imports = dict(imports=['infer_parts'])
model = dict(type='Scale')
test_dataloader = dict(dataset=dict(type='RepeatDataset', dataset=dict(
    type='Numbers', pipeline=[dict(type='ReadNumbers')])))
'''


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A user's folder, which is the current one, with a config, a checkpoint and three inputs."""
    (tmp_path / 'infer_parts.py').write_text(MODULE, encoding='utf-8')
    (tmp_path / 'small.py').write_text(CONFIG, encoding='utf-8')
    (tmp_path / 'numbers').mkdir()
    for number in range(3):
        (tmp_path / 'numbers' / f'{number}.txt').write_text(f'{number} 1')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, 'path', list(sys.path))
    write_checkpoint(dict(state_dict=dict(factor=torch.tensor([10.0])), meta={}), 'epoch_1.pth')
    yield tmp_path
    sys.modules.pop('infer_parts', None)


def call(*arguments: str, status: int = 0) -> Result:
    result = CliRunner().invoke(program, ['infer', *arguments, '--device', 'cpu'], prog_name='mmengine')
    assert result.exit_code == status, (result.output, result.exception)
    return result


def lines(path: str = 'out.jsonl') -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_text(encoding='utf-8').splitlines()]


def test_a_folder_by_the_pipeline_of_the_test_data() -> None:
    call('small.py', 'epoch_1.pth', 'numbers', '--batch-size', '2', '--out', 'out.jsonl')
    assert lines() == [
        dict(input='numbers/0.txt', prediction=dict(total=[10.0], batch=2)),
        dict(input='numbers/1.txt', prediction=dict(total=[20.0], batch=2)),
        dict(input='numbers/2.txt', prediction=dict(total=[30.0], batch=1))]


def test_only_predictions_are_on_standard_output(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        program(['infer', 'small.py', 'epoch_1.pth', 'numbers/2.txt', 'numbers/0.txt'], prog_name='mmengine')
    assert ended.value.code == 0
    printed = capfd.readouterr()
    assert [json.loads(line)['input'] for line in printed.out.splitlines()] == ['numbers/2.txt', 'numbers/0.txt']
    assert 'a model that prints' in printed.err


def test_the_inferencer_of_the_config(folder: Path) -> None:
    (folder / 'own.py').write_text("_base_ = 'small.py'\ninferencer = dict(type='Whole', word='x')\n")
    call('own.py', 'epoch_1.pth', 'numbers/0.txt', 'numbers/1.txt', '--batch-size', '2', '--out', 'out.jsonl',
         '-o', 'inferencer.word=y')
    assert lines() == [dict(input=['numbers/0.txt', 'numbers/1.txt'],
                            prediction=dict(predictions=dict(number=2), word='y'))]


def test_what_is_wrong(folder: Path) -> None:
    assert "There is no input 'nothing.txt'" in call('small.py', 'epoch_1.pth', 'nothing.txt', status=2).output
    Path('empty').mkdir()
    assert "no file in the folder 'empty'" in call('small.py', 'epoch_1.pth', 'empty', status=2).output
    assert 'no such checkpoint file' in call('small.py', 'no.pth', 'numbers', status=2).output
    Path('cut.pth').write_bytes(Path('epoch_1.pth').read_bytes()[:90])
    assert 'is not a whole checkpoint' in call('small.py', 'cut.pth', 'numbers', status=1).output
    said = call('small.py', 'epoch_1.pth', 'numbers', '-o', 'modle=1', status=2).output
    assert "Did you mean 'model'" in said
    (folder / 'none.py').write_text("custom_imports = dict(imports=['infer_parts'])\nmodel = dict(type='Scale')\n")
    failed = call('none.py', 'epoch_1.pth', 'numbers', status=1).exception
    assert 'test_dataloader.dataset.pipeline nor inferencer.pipeline' in str(failed)
    (folder / 'more.py').write_text("_base_ = 'small.py'\n"
                                    "inferencer = dict(type='PipelineInferencer', pipeline=[dict(type='NeedsMore')])\n")
    failed = call('more.py', 'epoch_1.pth', 'numbers', status=1).exception
    assert "looks for 'picture' in the record of 'numbers/0.txt'" in str(failed)
