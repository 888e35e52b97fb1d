"""How far things are, from two photographs of a motorcycle."""
custom_imports = dict(imports=['stereo'], allow_failed_imports=False)
default_scope = 'mmengine'

model = dict(type='StereoNet', shifts=20, width=16)

loader = dict(num_workers=0, collate_fn=dict(type='pseudo_collate'))
train_dataloader = dict(
    **loader, batch_size=2, dataset=dict(type='Motorcycle', split='train', pieces=40, size=(64, 96)),
    sampler=dict(type='DefaultSampler', shuffle=True))
val_dataloader = test_dataloader = dict(
    **loader, batch_size=1, dataset=dict(type='Motorcycle', split='test'),
    sampler=dict(type='DefaultSampler', shuffle=False))
val_evaluator = test_evaluator = dict(type='DisparityError')
train_cfg = dict(by_epoch=True, max_epochs=3, val_interval=1)
val_cfg = test_cfg = dict()

optim_wrapper = dict(optimizer=dict(type='Adam', lr=5e-3))
param_scheduler = dict(type='CosineAnnealingLR', T_max=3, by_epoch=True, convert_to_iter_based=True)

default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=1, save_best='error', rule='less'))
custom_hooks = [dict(type='DrawDisparity')]
visualizer = dict(type='Visualizer', vis_backends=[dict(type='LocalVisBackend')])
randomness = dict(seed=0)
work_dir = './work_dirs/stereo'
