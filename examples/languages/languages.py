"""The data, the network and the measure of the text example."""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from babel import Locale
from torch import Tensor, nn

from mmengine.dataset import BaseDataset
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, METRICS, MODELS

LANGUAGES = ('en', 'de', 'nl', 'sv', 'fr', 'es', 'it', 'pt', 'pl', 'cs', 'hu', 'tr')
LENGTH = 32
TABLES = ('territories', 'languages', 'currencies', 'scripts')


def read_words(language: str) -> list[str]:
    """Give the names of countries, languages, currencies and scripts in a language, in the order of their codes."""
    locale = Locale.parse(language)
    tables: Iterator[Mapping[str, str]] = (getattr(locale, name) for name in TABLES)
    return [table[code] for table in tables for code in sorted(table)]


@DATASETS.register_module()
class Names(BaseDataset):
    """Names of things in twelve languages, from the tables that Babel carries.

    Every fifth name of a language is for the test. A name that two languages share has no answer and is left out.

    Args:
        split: 'train' or 'test'.
    """

    METAINFO = dict(classes=LANGUAGES)

    def __init__(self, split: str) -> None:
        self.split = split
        super().__init__(test_mode=split == 'test')

    def load_data_list(self) -> list[dict[str, Any]]:
        """Make one record of each name."""
        words = {language: set(read_words(language)) for language in LANGUAGES}
        found = []
        for label, language in enumerate(LANGUAGES):
            others = set().union(*(words[other] for other in LANGUAGES if other != language))
            own = sorted(words[language] - others)
            found += [dict(text=text, label=label) for number, text in enumerate(own)
                      if (number % 5 == 0) == (self.split == 'test')]
        return found

    def prepare_data(self, idx: int) -> dict[str, Any]:
        """Give the bytes of a name, up to a length and filled with zeros, and its language."""
        record = self.get_data_info(idx)
        letters = list(record['text'].encode()[:LENGTH])
        return dict(inputs=torch.tensor(letters + [0] * (LENGTH - len(letters))), labels=torch.tensor(record['label']))


@MODELS.register_module()
class ByteNet(BaseModel):
    """Looks at four bytes at a time, and keeps of each feature the place where it is strongest.

    Args:
        num_classes: How many languages there are.
        width: Channels.
    """

    def __init__(self, num_classes: int, width: int = 64) -> None:
        super().__init__()
        self.embedding = nn.Embedding(256, 24, padding_idx=0)
        self.features = nn.Sequential(nn.Conv1d(24, width, 4, padding=2), nn.ReLU(),
                                      nn.Conv1d(width, width, 3, padding=1), nn.ReLU())
        self.head = nn.Sequential(nn.Dropout(0.3), nn.Linear(width, num_classes))

    def forward(self, inputs: Tensor, labels: Tensor, mode: str = 'tensor') -> Any:
        """Give scores ('tensor'), the loss ('loss'), or pairs of found and true language ('predict')."""
        scores = self.head(self.features(self.embedding(inputs).transpose(1, 2)).amax(2))
        if mode == 'loss':
            return dict(loss=nn.functional.cross_entropy(scores, labels))
        return list(zip(scores.argmax(1), labels, strict=True)) if mode == 'predict' else scores


@METRICS.register_module()
class LanguageAccuracy(BaseMetric):
    """Share of the names that got their language in per cent, of all and of each language."""

    def process(self, data_batch: Any, data_samples: Sequence[tuple[Tensor, Tensor]]) -> None:
        """Keep what was found and what is true."""
        self.results += [(int(found), int(label)) for found, label in data_samples]

    def compute_metrics(self, results: list[tuple[int, int]]) -> dict[str, float]:
        """Count over all."""
        found, true = torch.tensor(results).T
        each = {language: 100 * float((found == true)[true == label].float().mean())
                for label, language in enumerate(LANGUAGES)}
        return dict(accuracy=100 * float((found == true).float().mean()), **each)
