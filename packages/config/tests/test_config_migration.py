"""What `mmengine migrate` says of older configs, and what it writes."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mmengine.cli.commands import program
from mmengine.config import Config
from mmengine.config.migration import Finding, migrate_config

DETECTION = '''
model = dict(type='FasterRCNN', pretrained='torchvision://resnet50', backbone=dict(type='ResNet', depth=50))
train_cfg = dict(rpn=dict(pos=0.7))
pipeline = [
    dict(type='Resize', img_scale=(1333, 800), keep_ratio=True),
    dict(type='RandomFlip', flip_ratio=0.5),
    dict(type='Normalize', mean=[1.0], std=[1.0], to_rgb=True),
    dict(type='Collect', keys=['img'])]
data = dict(
    samples_per_gpu=2, workers_per_gpu=2,
    train=dict(type='CocoDataset', ann_file='a.json', img_prefix='train/', pipeline=pipeline),
    val=dict(type='CocoDataset', ann_file='b.json', img_prefix='val/', classes=('a',)),
    test=dict(type='CocoDataset', ann_file='b.json'))
evaluation = dict(interval=2, metric='bbox', save_best='auto')
optimizer = dict(type='SGD', lr=0.02, momentum=0.9, paramwise_cfg=dict(norm_decay_mult=0.))
optimizer_config = dict(grad_clip=dict(max_norm=35, norm_type=2))
lr_config = dict(policy='step', warmup='linear', warmup_iters=500, warmup_ratio=0.001, step=[8, 11])
runner = dict(type='EpochBasedRunner', max_epochs=12)
checkpoint_config = dict(interval=1, create_symlink=False)
log_config = dict(interval=50, hooks=[dict(type='TextLoggerHook')])
custom_hooks = [dict(type='NumClassCheckHook'), dict(type='SyncRandomSizeHook')]
dist_params = dict(backend='nccl')
resume_from = None
load_from = 'a.pth'
workflow = [('train', 1), ('val', 1)]
fp16 = dict(loss_scale=512.)
gpu_ids = range(1)
seed = 3
'''


def migrated(write: Any, text: str) -> tuple[dict[str, Any], list[Finding]]:
    draft = migrate_config(Config.fromfile(write('old.py', text)))
    return draft.values, draft.findings


def run(*args: str, status: int = 0) -> Result:
    result = CliRunner().invoke(program, ['migrate', *args], prog_name='mmengine')
    assert result.exit_code == status, (result.output, result.exception)
    return result


def test_a_detection_config(write: Any) -> None:
    new, findings = migrated(write, DETECTION)
    assert new['model'] == dict(
        type='FasterRCNN', train_cfg=dict(rpn=dict(pos=0.7)),
        backbone=dict(type='ResNet', depth=50, init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50')))
    assert new['train_cfg'] == dict(by_epoch=True, max_epochs=12, val_interval=2)
    assert new['optim_wrapper'] == dict(
        type='AmpOptimWrapper', optimizer=dict(type='SGD', lr=0.02, momentum=0.9), loss_scale=512.0,
        paramwise_cfg=dict(norm_decay_mult=0.), clip_grad=dict(max_norm=35, norm_type=2))
    assert new['param_scheduler'] == [
        dict(type='LinearLR', start_factor=0.001, begin=0, end=500, by_epoch=False),
        dict(type='MultiStepLR', milestones=[8, 11], gamma=0.1, by_epoch=True)]
    train = new['train_dataloader']
    assert train['dataset'].pop('pipeline')[:2] == [dict(type='Resize', scale=(1333, 800), keep_ratio=True),
                                                    dict(type='RandomFlip', prob=0.5)]
    assert train == dict(batch_size=2, num_workers=2, sampler=dict(type='DefaultSampler', shuffle=True),
                         dataset=dict(type='CocoDataset', ann_file='a.json', data_prefix=dict(img='train/')))
    assert new['val_dataloader'] == dict(
        batch_size=1, num_workers=2, sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=dict(type='CocoDataset', ann_file='b.json', data_prefix=dict(img='val/'), test_mode=True,
                     metainfo=dict(classes=('a',))))
    assert new['val_cfg'] == dict(compute_loss=True)
    assert new['val_evaluator'] == new['test_evaluator'] == dict(type='CocoMetric', metric='bbox', ann_file='b.json')
    assert new['default_hooks'] == dict(checkpoint=dict(type='CheckpointHook', interval=1, save_best='auto'),
                                        logger=dict(type='LoggerHook', interval=50))
    assert new['env_cfg'] == dict(dist_cfg=dict(backend='nccl'))
    assert new['randomness'] == dict(seed=3)
    old = {'data', 'evaluation', 'optimizer', 'optimizer_config', 'lr_config', 'runner', 'checkpoint_config', 'fp16',
           'log_config', 'dist_params', 'resume_from', 'workflow', 'gpu_ids', 'seed'}
    assert not old & new.keys()
    by_hand = {finding.key for finding in findings if finding.kind == 'by hand'}
    assert by_hand == {'data.train.pipeline.2', 'data.train.pipeline.3', 'evaluation', 'custom_hooks.1',
                       'default_scope'}
    assert {finding.key for finding in findings if finding.kind == 'note'} == {'load_from', 'seed'}


def test_findings_name_the_line(write: Any) -> None:
    _, findings = migrated(write, DETECTION)
    lines = DETECTION.strip().splitlines()
    for finding in findings:
        if finding.origin is not None and finding.key.count('.') == 0:
            assert lines[finding.origin.line - 1].startswith(finding.key), finding
    prefix = next(finding for finding in findings if finding.key == 'data.train.img_prefix')
    assert "img_prefix='train/'" in lines[prefix.origin.line - 1]
    assert (prefix.old, prefix.new) == ("data.train.img_prefix = 'train/'", "data_prefix = dict(img='train/')")


def test_by_iteration(write: Any) -> None:
    new, _ = migrated(write, '''
        runner = dict(type='IterBasedRunner', max_iters=100)
        lr_config = dict(policy='poly', power=0.9, min_lr=1e-4, by_epoch=False)
        checkpoint_config = dict(interval=10)
        data = dict(imgs_per_gpu=4, train=[dict(type='A', img_dir='i', ann_dir='m'), dict(type='B')])
    ''')
    assert new['train_cfg'] == dict(by_epoch=False, max_iters=100)
    assert new['param_scheduler'] == [dict(type='PolyLR', power=0.9, eta_min=1e-4, begin=0, end=100, by_epoch=False)]
    assert new['default_hooks']['checkpoint'] == dict(type='CheckpointHook', interval=10, by_epoch=False)
    assert new['log_processor'] == dict(by_epoch=False)
    loader = new['train_dataloader']
    assert loader['sampler']['type'] == 'InfiniteSampler'
    assert loader['batch_size'] == 4
    assert loader['dataset'] == dict(type='ConcatDataset', datasets=[
        dict(type='A', data_prefix=dict(img_path='i', seg_map_path='m')), dict(type='B')])


@pytest.mark.parametrize(('old', 'new'), [
    ("policy='step', step=3, gamma=0.5", [dict(type='StepLR', step_size=3, gamma=0.5, by_epoch=True)]),
    ("policy='CosineAnnealing', min_lr_ratio=0.1",
     [dict(type='CosineAnnealingLR', T_max=9, eta_min_ratio=0.1, by_epoch=True)]),
    ("policy='exp', gamma=0.9", [dict(type='ExponentialLR', gamma=0.9, by_epoch=True)]),
    ("policy='CosineRestart', periods=[3, 6], restart_weights=[1, 1], min_lr=0.1",
     [dict(type='CosineRestartLR', periods=[3, 6], restart_weights=[1, 1], eta_min=0.1, by_epoch=True)]),
    ("policy='fixed', warmup='constant', warmup_iters=2, warmup_by_epoch=True",
     [dict(type='ConstantLR', factor=0.1, begin=0, end=2, by_epoch=True)]),
    ("policy='CosineAnnealing', min_lr=0, by_epoch=False",
     [dict(type='CosineAnnealingLR', T_max=9, eta_min=0, by_epoch=True, convert_to_iter_based=True)]),
    ("policy='step', step=[30], by_epoch=False",
     [dict(type='MultiStepLR', milestones=[30], gamma=0.1, by_epoch=False)]),
    ("policy='fixed'", []), ("policy='inv', gamma=1", None), ("policy='step', step=[1], min_lr=0.1", None),
])
def test_policies(write: Any, old: str, new: list[dict[str, Any]] | None) -> None:
    values, findings = migrated(write, f'total_epochs = 9\nlr_config = dict({old})\n')
    assert values.get('param_scheduler') == new
    found = next(finding for finding in findings if finding.key == 'lr_config')
    assert found.kind == ('by hand' if new is None else 'change')
    assert ('lr_config' in values) == (new is None)


@pytest.mark.parametrize(('text', 'key', 'said'), [
    ("optimizer = dict(a=dict(type='SGD', lr=1.), b=dict(type='SGD', lr=1.))", 'optimizer', 'OptimWrapperDict'),
    ("optimizer = dict(type='SGD', lr=1.)\noptimizer_config = dict(type='MyHook')", 'optimizer_config', 'MyHook'),
    ("momentum_config = dict(policy='cyclic')", 'momentum_config', 'Momentum'),
    ("runner = dict(type='MyRunner', max_epochs=1)", 'runner', 'MyRunner'),
    ("log_config = dict(intervall=3)", 'log_config', "Did you mean 'interval'"),
    ("custom_hooks = [dict(type='EMAHook', warm_up=100)]", 'custom_hooks.0', 'warm_up'),
    ("optim_wrapper = dict(paramwise_cfg=dict(norm_decay=0.))", 'optim_wrapper.paramwise_cfg.norm_decay',
     "Did you mean 'norm_decay_mult'"),
    ("vis_backends = [dict(type='AimVisBackend')]\nvisualizer = dict(vis_backends=vis_backends)", 'vis_backends.0',
     'distribution of its own'),
    ("runner = dict(max_iters=9)\nlr_config = dict(policy='step', step=[3], by_epoch=True)", 'lr_config',
     'no scheduler'),
])
def test_what_a_person_has_to_do(write: Any, text: str, key: str, said: str,
                                 monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('mmengine.config.migration.differences.metadata.entry_points', lambda **_: [])
    _, findings = migrated(write, text + '\n')
    found = next(finding for finding in findings if finding.key == key and finding.kind == 'by hand')
    assert said in found.why


def test_accumulation_and_resuming(write: Any) -> None:
    new, _ = migrated(write, '''
        optimizer = dict(type='SGD', lr=1.)
        optimizer_config = dict(type='GradientCumulativeFp16OptimizerHook', cumulative_iters=4)
        resume_from = 'b.pth'
        auto_resume = True
    ''')
    assert new['optim_wrapper'] == dict(type='AmpOptimWrapper', optimizer=dict(type='SGD', lr=1.), loss_scale='dynamic',
                                        accumulative_counts=4)
    assert (new['load_from'], new['resume']) == ('b.pth', True)


def test_the_command_writes_what_it_can(write: Any, tmp_path: Path) -> None:
    old = write('old.py', DETECTION)
    out = tmp_path / 'new' / 'new.py'
    result = run(old, '--write', str(out), status=1)
    assert f'{old}:1: change: model.pretrained: Weights to begin with are an init_cfg.\n' in result.output
    assert "    - model.pretrained = 'torchvision://resnet50'\n" in result.output
    assert f'5 by hand, 2 to know, in {old}\nWritten: {out}\n' in result.output
    text = out.read_text(encoding='utf-8')
    assert '# By hand: data.train.pipeline.3: One step of the library packs' in text
    assert Config.fromfile(out).param_scheduler[1].milestones == [8, 11]
    again = json.loads(run(str(out), '--json', status=1).output)
    assert {found['key'] for found in again} <= {'custom_hooks.1', 'default_scope', 'load_from', 'randomness.seed'}
    assert 'is the old config' in run(old, '--write', old, status=2).output


def test_a_config_of_today_needs_nothing(write: Any, tmp_path: Path) -> None:
    path = write('new.py', "train_cfg = dict(by_epoch=True, max_epochs=3)\ntest_cfg = dict()\nval_cfg = dict()\n"
                           "optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.1))\n")
    result = run(path)
    assert result.output == f'0 to change, 0 by hand, 0 to know, in {path}\n'
    assert json.loads(run(path, '--json').output) == []
    broken = write('broken.py', 'a = (\n')
    assert f'{broken}:1' in run(broken, status=2).output


def test_snippets_can_be_copied(write: Any, tmp_path: Path) -> None:
    _, findings = migrated(write, DETECTION)
    for finding in findings:
        if finding.kind == 'change':
            compile(finding.new, finding.key, 'exec')
