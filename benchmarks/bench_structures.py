"""Indexing and concatenation of InstanceData with 10,000 instances, and the rest of its life: ours beside upstream's.

    python benchmarks/bench_structures.py --upstream PYTHON [--ours PYTHON] [--instances 10000] [--rounds 5]

Instances have boxes, scores, labels, masks of 16 x 16 pixels, names in a list and an array of identities. Figures are
microseconds of processor time for one operation, the least of the rounds, which alternate between the two.
"""
from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any


def operations(count: int) -> dict[str, Callable[[], Any]]:
    """Prepare what is measured."""
    import numpy as np
    import torch

    from mmengine.structures import BaseDataElement, InstanceData, PixelData
    torch.manual_seed(0)

    def make(size: int) -> Any:
        return InstanceData(
            bboxes=torch.rand(size, 4), scores=torch.rand(size), labels=torch.randint(0, 80, (size,)),
            masks=torch.zeros(size, 16, 16, dtype=torch.bool), names=['a name'] * size, identity=np.arange(size),
            metainfo=dict(img_shape=(800, 1200), img_path='a/b.jpg', scale_factor=(1., 1.)))

    whole = make(count)
    tensors = InstanceData(bboxes=whole.bboxes, scores=whole.scores, labels=whole.labels)
    mask = torch.rand(count) > 0.5
    positions = mask.nonzero().flatten()
    few = positions[:100]
    listed_mask, listed = mask.tolist(), positions.tolist()
    hundred, tenth, thousandth = make(100), make(count // 10), make(count // 1000)
    sample = BaseDataElement(gt=make(100), pred=make(100), metainfo=dict(img_shape=(800, 1200)))
    pixels = PixelData(seg=torch.zeros(1, 64, 64), depth=torch.zeros(64, 64))
    return {
        'a position': lambda: whole[count // 2],
        'a slice': lambda: whole[10:-10],
        'a mask': lambda: whole[mask],
        'a mask as an array': lambda: whole[mask.numpy()],
        'a mask as a list': lambda: whole[listed_mask],
        'positions': lambda: whole[positions],
        '100 positions': lambda: whole[few],
        'positions as a list': lambda: whole[listed],
        'scores above 0.5, tensors only': lambda: tensors[tensors.scores > 0.5],
        'every position of 100 in a loop': lambda: [hundred[index] for index in range(100)],
        'cat of 2': lambda: InstanceData.cat([whole, whole]),
        'cat of 10 with 1,000 each': lambda: InstanceData.cat([tenth] * 10),
        'cat of 1,000 with 10 each': lambda: InstanceData.cat([thousandth] * 1000),
        'construction': lambda: make(count),
        'set a field': lambda: setattr(whole, 'scores', whole.scores),
        'read a field': lambda: whole.scores,
        'length': lambda: len(whole),
        'items': lambda: list(whole.items()),
        'to(cpu) of a sample': lambda: sample.to('cpu'),
        'clone of a sample': lambda: sample.clone(),
        'to_dict of a sample': lambda: sample.to_dict(),
        'numpy of a sample': lambda: sample.numpy(),
        'a part of pixels': lambda: pixels[10:20, 5],
    }


def work(count: int) -> None:
    """Measure in this process, and print the figures as JSON."""
    import torch
    torch.set_num_threads(1)
    found = {}
    for name, operation in operations(count).items():
        operation()
        times, seconds = 1, 0.
        while seconds < 0.05:  # long enough for the clock
            times *= 2
            start = time.process_time()
            for _ in range(times):
                operation()
            seconds = time.process_time() - start
        found[name] = seconds / times * 1e6
    print(json.dumps(found))


def main() -> None:
    """Alternate between the two, and print a table."""
    if sys.argv[1:2] == ['--work']:
        work(int(sys.argv[2]))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--upstream', required=True)
    parser.add_argument('--ours', default=sys.executable)
    parser.add_argument('--instances', type=int, default=10_000)
    parser.add_argument('--rounds', type=int, default=5)
    args = parser.parse_args()
    least: dict[str, dict[str, float]] = {'upstream': {}, 'ours': {}}
    for _ in range(args.rounds):
        for name, python in (('upstream', args.upstream), ('ours', args.ours)):
            done = subprocess.run([python, __file__, '--work', str(args.instances)], check=True, text=True,
                                  stdout=subprocess.PIPE)
            for what, figure in json.loads(done.stdout.splitlines()[-1]).items():
                least[name][what] = min(figure, least[name].get(what, figure))
    print(f'| {args.instances} instances | upstream | ours | ratio |\n| --- | --- | --- | --- |')
    for what, ours in least['ours'].items():
        theirs = least['upstream'][what]
        print(f'| {what} | {theirs:.1f} us | {ours:.1f} us | {theirs / ours:.2f} x |')


if __name__ == '__main__':
    main()
