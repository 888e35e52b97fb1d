"""Which of twelve languages a name is in."""
custom_imports = dict(imports=['languages'], allow_failed_imports=False)
default_scope = 'mmengine'

model = dict(type='ByteNet', num_classes=12, width=64)

loader = dict(num_workers=0, collate_fn=dict(type='default_collate'))
train_dataloader = dict(
    **loader, batch_size=128, dataset=dict(type='Names', split='train'),
    sampler=dict(type='DefaultSampler', shuffle=True))
val_dataloader = test_dataloader = dict(
    **loader, batch_size=500, dataset=dict(type='Names', split='test'),
    sampler=dict(type='DefaultSampler', shuffle=False))
val_evaluator = test_evaluator = dict(type='LanguageAccuracy')
train_cfg = dict(by_epoch=True, max_epochs=5)
val_cfg = test_cfg = dict()

optim_wrapper = dict(optimizer=dict(type='AdamW', lr=4e-3))
param_scheduler = dict(type='CosineAnnealingLR', T_max=5, by_epoch=True, convert_to_iter_based=True)

default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=1, max_keep_ckpts=2, save_best='accuracy'))
visualizer = dict(type='Visualizer', vis_backends=[dict(type='LocalVisBackend')])
randomness = dict(seed=0)
work_dir = './work_dirs/languages'
