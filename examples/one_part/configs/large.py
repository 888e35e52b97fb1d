"""The larger model, with smaller batches."""
_base_ = './base.py'
model = dict(depth=101)
batch_size = 8
