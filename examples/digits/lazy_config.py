"""The experiment of `config.py` on digits, in the pure Python style: types are imported, so editors find them."""
from digits import Digits, PicturesToTensors, RandomShift
from network import Accuracy, PredictionGridHook, SmallNet
from torch.optim import AdamW
from torch.utils.data import default_collate

from mmengine.config import read_base
from mmengine.dataset import DefaultSampler
from mmengine.optim import CosineAnnealingLR, OptimWrapper

with read_base():
    from .runtime import *  # noqa: F403  # a file of the text style can be the base of one in this style

batch_size = 32
max_epochs = 12

model = dict(type=SmallNet, num_classes=10, width=16, dropout=0.3)

to_tensor = dict(type=PicturesToTensors)
loader = dict(num_workers=0, collate_fn=default_collate)
train_dataloader = dict(
    **loader,
    batch_size=batch_size,
    sampler=dict(type=DefaultSampler, shuffle=True),
    dataset=dict(type=Digits, split='train', pipeline=[dict(type=RandomShift, pixels=1), to_tensor]),
)
in_order = dict(**loader, batch_size=200, sampler=dict(type=DefaultSampler, shuffle=False))
val_dataloader = dict(**in_order, dataset=dict(type=Digits, split='val', pipeline=[to_tensor]))
test_dataloader = dict(**in_order, dataset=dict(type=Digits, split='test', pipeline=[to_tensor]))
val_evaluator = test_evaluator = dict(type=Accuracy)

train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_interval=1)
val_cfg = dict()
test_cfg = dict()

optim_wrapper = dict(type=OptimWrapper, optimizer=dict(type=AdamW, lr=3e-3, weight_decay=0.01))
param_scheduler = dict(
    type=CosineAnnealingLR, T_max=max_epochs, eta_min=1e-5, by_epoch=True, convert_to_iter_based=True)

custom_hooks = [dict(type=PredictionGridHook, rows=5, columns=10)]
work_dir = './work_dirs/digits_lazy'
