"""The least that a config of a detector takes: model, loaders, evaluator and schedule, of the stand-in `mmdet`."""
default_scope = 'mmdet'
work_dir = 'runs/det'
model = dict(type='FasterRCNN')
train_dataloader = dict(
    batch_size=1, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=True), dataset=dict(type='CocoDataset'),
    collate_fn=dict(type='pseudo_collate'))
val_dataloader = {**train_dataloader, 'sampler': dict(type='DefaultSampler', shuffle=False)}
val_evaluator = dict(type='CocoMetric')
val_cfg = {}
train_cfg = dict(by_epoch=True, max_epochs=4, val_interval=2)
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.25))
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=1))
