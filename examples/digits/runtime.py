"""What most trainings share: which hooks run, and where scalars and pictures are recorded."""
default_scope = 'mmengine'

default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=10),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(type='CheckpointHook', interval=1, save_best='accuracy', rule='greater'),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    progress=dict(type='ProgressBarHook'),
    curves=dict(type='CurvePlotHook'),
)

visualizer = dict(
    type='Visualizer',
    vis_backends=[dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')],
)
log_level = 'INFO'
randomness = dict(seed=0)
