"""Do workers that are started anew share the annotations? `hold_annotations.py spawn`, or `forkserver`."""
from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from torch.utils.data import DataLoader

from mmengine.dataset import BaseDataset, pseudo_collate


class Many(BaseDataset):
    """Enough annotations to be worth sharing."""

    def load_data_list(self) -> list[dict[str, Any]]:
        return [dict(name=f'{index:0100}', number=index) for index in range(12_000)]


def mapped(process: int | str = 'self') -> str:
    """Say the memory file of a process."""
    lines = Path(f'/proc/{process}/maps').read_text().splitlines()
    return next((line.split()[4] for line in lines if 'memfd:mmengine' in line), 'none')


def main(method: str) -> None:
    iterator: Any = iter(DataLoader(Many(), batch_size=64, num_workers=1, collate_fn=pseudo_collate,
                                    multiprocessing_context=method))
    assert next(iterator)['number'] == list(range(64))
    own, worker = mapped(), mapped(iterator._workers[0].pid)
    print('workers share' if own == worker != 'none' else f'{own} and {worker}')


if __name__ == '__main__':
    main(*sys.argv[1:])
