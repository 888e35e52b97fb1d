"""The visualizer with two trackers and no engine: scikit-learn trains. Needs mmparts-tensorboard and mmparts-wandb.

    python two_trackers.py [FOLDER]
    tensorboard --logdir work_dirs/two_trackers

Weights & Biases records offline, without an account; `wandb sync` would upload that.
"""
from __future__ import annotations

import sys

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier

from mmengine.visualization import Visualizer

TEST = 500
EPOCHS = 5


def main() -> None:
    """Train a linear model on digits, and record settings, curves and a picture of mistakes."""
    settings = dict(loss='log_loss', alpha=1e-3, random_state=0)
    visualizer = Visualizer(
        save_dir=sys.argv[1] if len(sys.argv) > 1 else 'work_dirs/two_trackers',
        vis_backends=[dict(type='TensorboardVisBackend'),
                      dict(type='WandbVisBackend', init_kwargs=dict(project='digits', mode='offline'))])
    visualizer.add_config(settings)

    data = load_digits()
    pictures, labels = data.data / 16, data.target
    model = SGDClassifier(**settings)
    for epoch in range(1, EPOCHS + 1):
        model.partial_fit(pictures[TEST:], labels[TEST:], classes=np.arange(10))
        found = model.predict(pictures[:TEST])
        accuracy = 100 * float(np.mean(found == labels[:TEST]))
        visualizer.add_scalars({'accuracy': accuracy, 'largest_weight': float(np.abs(model.coef_).max())}, step=epoch)
        print(f'epoch {epoch}: {accuracy:.1f} %')

    wrong = np.flatnonzero(found != labels[:TEST])[:8]
    row = np.concatenate([np.kron(255 - 255 * data.images[index] / 16, np.ones((8, 8))) for index in wrong], axis=1)
    visualizer.add_image('mistakes', np.repeat(row[..., None], 3, axis=2).astype(np.uint8), step=EPOCHS)
    visualizer.close()


if __name__ == '__main__':
    main()
