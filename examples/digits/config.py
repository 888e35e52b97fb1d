"""A small network on small pictures: `dataset` is 'digits' or 'fashion', everything else is the same for both."""
_base_ = './runtime.py'
custom_imports = dict(imports=['digits', 'fashion', 'network'], allow_failed_imports=False)

dataset = 'digits'
batch_size = 32
max_epochs = 12

model = dict(type='SmallNet', num_classes=10, width=16, dropout=0.3)

to_tensor = dict(type='PicturesToTensors')
loader = dict(num_workers=0, collate_fn=dict(type='default_collate'))
train_dataloader = dict(
    **loader,
    batch_size=batch_size,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(type=dataset, split='train', pipeline=[dict(type='RandomShift', pixels=1), to_tensor]),
)
val_dataloader = dict(
    **loader,
    batch_size=200,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type=dataset, split='val', pipeline=[to_tensor]),
)
test_dataloader = dict(
    **loader,
    batch_size=200,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type=dataset, split='test', pipeline=[to_tensor]),
)
inferencer = dict(type='PipelineInferencer', pipeline=[dict(type='ReadPicture'), to_tensor])  # of `mmengine infer`
val_evaluator = test_evaluator = dict(type='Accuracy')

train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_interval=1)
val_cfg = dict()
test_cfg = dict()

optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='AdamW', lr=3e-3, weight_decay=0.01))
param_scheduler = dict(
    type='CosineAnnealingLR', T_max=max_epochs, eta_min=1e-5, by_epoch=True, convert_to_iter_based=True)

custom_hooks = [dict(type='PredictionGridHook', rows=5, columns=10)]
work_dir = './work_dirs/digits'
