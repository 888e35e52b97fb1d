"""What the models of the service share."""
model = dict(type='Net', depth=18, width=64)
optimizer = dict(type='SGD', lr=0.1)
batch_size = 32
