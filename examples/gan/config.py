"""A GAN of handwritten digits: two networks, each with an optimizer of its own."""
custom_imports = dict(imports=['gan'], allow_failed_imports=False)
default_scope = 'mmengine'

model = dict(type='DigitGan', noise=16, width=128)

loader = dict(num_workers=0, collate_fn=dict(type='default_collate'), dataset=dict(type='PlainDigits'))
train_dataloader = dict(**loader, batch_size=64, drop_last=True, sampler=dict(type='DefaultSampler', shuffle=True))
val_dataloader = dict(**loader, batch_size=600, sampler=dict(type='DefaultSampler', shuffle=False))
val_evaluator = dict(type='FrechetDistance')
train_cfg = dict(by_epoch=True, max_epochs=60, val_interval=20)
val_cfg = dict()

optim_wrapper = dict(
    constructor='OneForEachNetwork',
    generator=dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-3, betas=(0.5, 0.999))),
    discriminator=dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-3, betas=(0.5, 0.999))))
param_scheduler = dict(  # one list for each optimizer
    generator=[dict(type='LinearLR', start_factor=1.0, end_factor=0.1, end=60)],
    discriminator=[dict(type='LinearLR', start_factor=1.0, end_factor=0.1, end=60)])

default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=20, save_best='distance', rule='less'))
custom_hooks = [dict(type='DrawDigits', rows=4, columns=10)]
visualizer = dict(type='Visualizer', vis_backends=[dict(type='LocalVisBackend')])
randomness = dict(seed=0)
work_dir = './work_dirs/gan'
