"""Where the coins are in a photograph: a detector with points instead of anchors."""
custom_imports = dict(imports=['coins', 'detector', 'evaluation'], allow_failed_imports=False)
default_scope = 'mmengine'

model = dict(
    type='PointDetector', width=16, threshold=0.2, most=0.5,
    data_preprocessor=dict(type='ImgDataPreprocessor', mean=[100], std=[50], pad_size_divisor=8))

pack = dict(type='PackCoins')
loader = dict(num_workers=0, collate_fn=dict(type='pseudo_collate'))
train_dataloader = dict(
    **loader, batch_size=8, sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(type='RepeatDataset', times=64, dataset=dict(type='Coins', split='train', pipeline=[
        dict(type='RandomPiece', size=128, zoom=(0.9, 1.6)), dict(type='RandomMirror'),
        dict(type='RandomLight', strength=0.4), pack])))
val_dataloader = test_dataloader = dict(
    **loader, batch_size=1, sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='Coins', split='test', pipeline=[pack]))
val_evaluator = test_evaluator = dict(type='AveragePrecision', thresholds=(0.5, 0.75))
train_cfg = dict(by_epoch=True, max_epochs=15, val_interval=5)
val_cfg = test_cfg = dict()

optim_wrapper = dict(optimizer=dict(type='AdamW', lr=3e-3, weight_decay=0.01))
param_scheduler = dict(type='CosineAnnealingLR', T_max=15, by_epoch=True, convert_to_iter_based=True)

default_hooks = dict(
    logger=dict(type='LoggerHook', interval=8),
    checkpoint=dict(type='CheckpointHook', interval=5, save_best='ap50', rule='greater'))
custom_hooks = [dict(type='DrawBoxes', scale=2)]
visualizer = dict(type='Visualizer', vis_backends=[dict(type='LocalVisBackend')])
randomness = dict(seed=0)
work_dir = './work_dirs/coins'
