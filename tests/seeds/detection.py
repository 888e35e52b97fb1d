"""What the hook of MMDetection has to have recorded about validation data, predictions and checkpoints."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from workplace import require

#: pictures of the scaffold, its epochs, and the evaluations in these
PICTURES, EPOCHS, EVALUATIONS = 8, 4, 2


def _table(artifact: dict[str, Any], name: str) -> list[list[Any]]:
    file, = [entry['local_path'] for entry in artifact['manifest']['contents'] if entry['path'] == f'{name}.table.json']
    return list(json.loads(Path(file).read_text())['data'])


def check_artifacts(records: list[dict[str, Any]]) -> str:
    """Check the artifacts of a run of 4 epochs and 2 evaluations; gives what was checked."""
    artifacts = [record['artifact'] for record in records if record['type'] == 'artifact']
    models, truth, predictions = ([artifact for artifact in artifacts if artifact['type'] == kind]
                                  for kind in ('model', 'dataset', 'evaluation'))
    metadata = [json.loads(artifact['metadata']) for artifact in models]
    require([facts['epoch'] for facts in metadata] == [1, 2, 3, 4], f'versions of the checkpoint: {metadata}')
    with_score = [facts['epoch'] for facts in metadata if 'coco/bbox_mAP' in facts]
    require(with_score == [2, 4], f'checkpoints of the epochs {with_score} have the score of an evaluation')
    require(len(truth) == 1, f'validation data were recorded {len(truth)} times')
    require(len(predictions) == EVALUATIONS, f'predictions were recorded {len(predictions)} times')
    rows = _table(truth[0], 'val_data')
    require(len(rows) == PICTURES, f'num_eval_images=100, and {len(rows)} of {PICTURES} pictures are shown')
    require(all(image['boxes']['ground_truth'] for _, image in rows), 'a picture has no true box')
    for _, _, image in _table(predictions[-1], 'eval_data'):
        scores = [box['scores']['score'] for box in image['boxes']['predictions']]
        require(scores == [0.875], f'bbox_score_thr=0.3, and boxes of {scores} are shown')
    return (f'losses every 10; {EPOCHS} checkpoint versions, scores on those that were evaluated; val_data once with '
            f'all {PICTURES} pictures and boxes; {EVALUATIONS} tables of predictions above 0.3')
