"""Which samples a batch consists of, as far as their data tell."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

#: What the data sets of the family write down of a sample.
ID_KEYS = ('sample_idx', 'img_id', 'img_path')


def sample_ids(data_batch: Any, keys: Sequence[str] = ID_KEYS) -> list[str]:
    """Describe each sample of a batch by its meta information.

    Args:
        data_batch: A batch in any of the usual forms: a dict or a list of dicts, whose `data_samples` have a `metainfo`
            or are dicts; or a dict with the keys themselves.
        keys: The keys to tell.

    Returns:
        One text per sample that has any of the keys, such as `sample_idx=5 img_path=a.png`.
    """
    return [text for text in (_describe(sample, keys) for sample in _samples(data_batch, keys)) if text]


def _samples(batch: Any, keys: Sequence[str]) -> Sequence[Any]:
    if isinstance(batch, (list, tuple)):
        return [sample for item in batch if isinstance(item, (Mapping, list, tuple))
                for sample in _samples(item, keys)]
    if not isinstance(batch, Mapping):
        return ()
    samples = batch.get('data_samples')
    if samples is not None:
        return samples if isinstance(samples, (list, tuple)) else [samples]
    known = {key: _plain(batch[key]) for key in keys if key in batch}
    if not all(isinstance(values, list) for values in known.values()):
        return [known]
    return [dict(zip(known, values, strict=True)) for values in zip(*known.values(), strict=False)]


def _plain(values: Any) -> Any:
    values = values.tolist() if hasattr(values, 'tolist') else values
    return list(values) if isinstance(values, tuple) else values


def _describe(sample: Any, keys: Sequence[str]) -> str:
    meta = sample if isinstance(sample, Mapping) else getattr(sample, 'metainfo', None)
    if not isinstance(meta, Mapping):
        return ''
    return ' '.join(f'{key}={meta[key]}' for key in keys if key in meta)
