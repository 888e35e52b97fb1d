"""The hook in a run driven by hand, read back from the plain files of the local backend."""
import csv
import json
import logging
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from mmengine.integrations.mmdet import DetTrackingHook, MMDetWandbHook
from mmengine.integrations.mmdet.gallery import Gallery
from mmengine.registry import HOOKS
from mmengine.visualization import Visualizer

CLASSES = ('cat', 'dog')


class Dataset:
    metainfo = dict(classes=CLASSES)

    def __init__(self, folder: Path, length: int) -> None:
        self.paths = []
        for index in range(length):
            path = folder / f'{index}.png'
            Image.fromarray(np.full((40, 60, 3), 10 * index, np.uint8)).save(path)
            self.paths.append(str(path))

    def __len__(self):
        return len(self.paths)

    def get_data_info(self, index):
        return dict(img_path=self.paths[index], instances=[dict(bbox=[1, 2, 30, 20], bbox_label=1, ignore_flag=0)])


class CheckpointHook:
    """Stands for that of any engine."""

    interval = 2


class MessageHub:
    def __init__(self):
        self.infos = {}

    def get_info(self, name):
        return self.infos.get(name)


class LogProcessor:
    by_epoch = True

    def get_log_after_iter(self, runner, batch_idx, mode):
        return {'loss': 0.5}, 'a line'


class Run:
    """The face of a runner that the hook looks at, and the order in which a runner calls hooks."""

    def __init__(self, folder: Path, hook, length=5, checkpoints=True, validation=True):
        self.work_dir = self.log_dir = str(folder)
        self.timestamp = '20260101_000000'
        self.rank, self.iter, self.epoch, self.val_interval = 0, 0, 0, 2
        self.cfg = SimpleNamespace(filename=None)
        self.logger = logging.getLogger('hook')
        self.message_hub, self.log_processor = MessageHub(), LogProcessor()
        self.visualizer = Visualizer(vis_backends=[dict(type='LocalVisBackend')], save_dir=str(folder),
                                     on_error='raise')
        (folder / 'images').mkdir()
        dataset = Dataset(folder / 'images', length)
        self.val_dataloader = SimpleNamespace(dataset=dataset, sampler=range(length))
        self.val_loop = object() if validation else None
        self.hook, self.hooks = hook, [CheckpointHook(), hook] if checkpoints else [hook]

    def train(self, epochs, saved_at=()):
        self.hook.before_train(self)
        for _ in range(epochs):
            self.hook.before_train_iter(self, 0)
            self.hook.after_train_iter(self, 0)
            self.iter += 1
            if self.epoch + 1 in saved_at:
                self.save(self.epoch + 1)
            self.hook.after_train_epoch(self)
            self.epoch += 1
            if self.val_loop is not None and self.epoch % self.val_interval == 0:
                self.validate()
        self.hook.after_train(self)
        self.hook.after_run(self)
        self.visualizer.close()

    def save(self, number):
        self.hook.before_save_checkpoint(self, {})
        path = Path(self.work_dir, f'epoch_{number}.pth')
        path.write_bytes(b'weights %d' % number)
        self.message_hub.infos['last_ckpt'] = str(path)

    def validate(self):
        self.hook.before_val(self)
        for index, path in enumerate(self.val_dataloader.dataset.paths):
            found = SimpleNamespace(bboxes=np.array([[1., 2., 30., 20.], [0., 0., 5., 5.]]), labels=np.array([1, 0]),
                                    scores=np.array([0.75, 0.3]))
            self.hook.after_val_iter(self, index, None, [SimpleNamespace(img_path=path, pred_instances=found)])
        self.hook.after_val_epoch(self, {'coco/bbox_mAP': 0.25 * self.epoch, 'words': 'none'})
        self.hook.after_val(self)


def the_artifacts(folder: Path):
    return [json.loads(line) for line in (folder / 'vis_data' / 'artifacts.json').read_text().splitlines()]


def a_table(folder: Path, name: str):
    with open(folder / 'vis_data' / 'tables' / f'{name}.csv', newline='') as file:
        return list(csv.DictReader(file))


def test_tables(tmp_path):
    Run(tmp_path, DetTrackingHook(num_eval_images=3)).train(4)
    truths = a_table(tmp_path, 'val_data_2')
    assert not (tmp_path / 'vis_data' / 'tables' / 'val_data_4.csv').exists()  # once
    assert len(truths) == 3
    for epoch in (2, 4):
        rows = a_table(tmp_path, f'eval_data_{epoch}')
        assert [row['image_name'] for row in rows] == [row['image_name'] for row in truths]
        assert [row['ground_truth'] for row in rows] == [f'val_data[{index}].image' for index in range(3)]
    facts = [(fact['name'], fact['type'], sorted(fact['aliases'])) for fact in the_artifacts(tmp_path)]
    assert facts == [('val', 'dataset', []),
                     ('run_20260101_000000_pred', 'evaluation', ['epoch_2', 'latest']),
                     ('run_20260101_000000_pred', 'evaluation', ['epoch_4', 'latest'])]


def test_the_pictures(tmp_path):
    Run(tmp_path, DetTrackingHook(num_eval_images=1)).train(2)
    (truth,), (row,) = a_table(tmp_path, 'val_data_2'), a_table(tmp_path, 'eval_data_2')
    grey = 10 * int(truth['image_name'].removesuffix('.png'))
    for cell in (truth['image'], row['prediction']):
        picture = np.asarray(Image.open(tmp_path / 'vis_data' / 'tables' / cell))
        assert (picture[20, 1:30] != grey).any(axis=1).all()  # the lower edge of the box
        assert (picture[30:, 40:] == grey).all()
    picture = np.asarray(Image.open(tmp_path / 'vis_data' / 'tables' / row['prediction']))
    assert (picture[5, 0] == grey).all()  # the box with the score of the threshold


def test_the_samples_are_the_same_in_every_run_and_random_numbers_stay_as_they_are(tmp_path):
    np.random.seed(0)
    expected = np.random.rand()
    np.random.seed(0)
    names = []
    for run in 'ab':
        folder = tmp_path / run
        folder.mkdir()
        Run(folder, DetTrackingHook(num_eval_images=2)).train(2)
        names.append([row['image_name'] for row in a_table(folder, 'val_data_2')])
    assert names[0] == names[1]
    assert np.random.rand() == expected


def test_checkpoints(tmp_path):
    Run(tmp_path, DetTrackingHook(log_checkpoint=True, num_eval_images=0)).train(5, saved_at=(2, 3, 5))
    found = the_artifacts(tmp_path)
    assert {fact['name'] for fact in found} == {'run_20260101_000000_model'}
    assert [sorted(fact['aliases']) for fact in found] == [[f'epoch_{n}', 'latest'] for n in (2, 3, 5)]
    metrics = {'coco/bbox_mAP': 0.5, 'words': 'none'}
    assert [fact['metadata'] for fact in found] == [{'epoch': 2, **metrics}, {'epoch': 3}, {'epoch': 5}]
    kept = sorted((tmp_path / 'vis_data' / 'artifacts').rglob('*.pth'))
    assert [file.read_bytes() for file in kept] == [b'weights 2', b'weights 3', b'weights 5']


def test_checkpoints_without_metadata(tmp_path):
    hook = DetTrackingHook(log_checkpoint=True, log_checkpoint_metadata=False, num_eval_images=0)
    Run(tmp_path, hook).train(2, saved_at=(2,))
    assert [fact['metadata'] for fact in the_artifacts(tmp_path)] == [{}]


def test_nothing_is_recorded_that_was_not_asked_for(tmp_path):
    Run(tmp_path, DetTrackingHook(num_eval_images=0)).train(2, saved_at=(2,))
    assert not (tmp_path / 'vis_data').exists()


def test_trackers_of_its_own(tmp_path):
    own = tmp_path / 'own'
    (tmp_path / '20260101_000000.py').write_text('a = 1')
    hook = DetTrackingHook([dict(type='LocalVisBackend', name='mine', save_dir=str(own / 'vis_data'))], interval=2,
                           num_eval_images=1)
    run = Run(tmp_path, hook)
    run.cfg = type('Cfg', (dict,), {'filename': None})(a=1)
    run.train(4)
    assert (own / 'vis_data' / 'config.py').read_text() == 'a = 1\n'
    lines = [json.loads(line) for line in (own / 'vis_data' / 'scalars.json').read_text().splitlines()]
    assert lines == [{'loss': 0.5, 'step': 2}, {'coco/bbox_mAP': 0.5, 'step': 2}, {'loss': 0.5, 'step': 4},
                     {'coco/bbox_mAP': 1.0, 'step': 4}]
    assert the_artifacts(own)[0]['name'] == 'run_20260101_000000_config'
    assert json.loads((own / 'vis_data' / 'run.json').read_text())['status'] == 'success'
    assert not (tmp_path / 'vis_data').exists()


def test_a_run_that_has_the_tracker_is_not_recorded_twice(tmp_path, caplog):
    hook = DetTrackingHook([dict(type='LocalVisBackend')], num_eval_images=1)
    Run(tmp_path, hook).train(2)
    assert 'records to LocalVisBackend already' in caplog.text
    assert not (tmp_path / 'vis_data' / 'scalars.json').exists()
    assert len(a_table(tmp_path, 'val_data_2')) == 1


@pytest.mark.parametrize(('options', 'run_options', 'message'), [
    (dict(log_checkpoint=True), dict(checkpoints=False), 'no CheckpointHook'),
    ({}, dict(validation=False), 'the run has no validation'),
    (dict(log_checkpoint=True), dict(validation=False), 'log_checkpoint_metadata of the tracking hook is off'),
    (dict(num_eval_images=9), {}, 'has 5 samples: all of them are shown'),
])
def test_warnings(tmp_path, caplog, options, run_options, message):
    Run(tmp_path, DetTrackingHook(**options), **run_options).train(2, saved_at=(2,))
    assert message in caplog.text
    assert sum(record.levelname == 'WARNING' for record in caplog.records) <= 2


def test_intervals_that_do_not_fit_are_said(tmp_path, caplog):
    run = Run(tmp_path, DetTrackingHook(log_checkpoint=True, num_eval_images=0))
    run.hooks[0].interval = 3
    run.train(3, saved_at=(3,))
    assert 'checkpoint interval is 3 and the validation interval 2' in caplog.text
    assert the_artifacts(tmp_path)[0]['metadata'] == {'epoch': 3}


def test_samples_without_a_file_are_said_once(tmp_path, caplog):
    run = Run(tmp_path, DetTrackingHook())
    run.val_dataloader.dataset.paths = [None] * 5
    run.train(4)
    assert caplog.text.count('do not say which file') == 1
    assert not (tmp_path / 'vis_data').exists()


def test_a_stream_has_no_samples_to_choose(tmp_path, caplog):
    run = Run(tmp_path, DetTrackingHook())
    run.val_dataloader.sampler = iter(())
    run.train(4)
    assert caplog.text.count('is not known') == 1


def test_a_gallery_shows_a_repeated_sample_once_and_keeps_masks(tmp_path):
    dataset = Dataset(tmp_path, 1)
    gallery = Gallery(dataset, 2, 2, 0.3)
    mask = np.zeros((1, 40, 60), bool)
    mask[0, 5:9, 5:9] = True
    truth = SimpleNamespace(bboxes=np.array([[5., 5., 9., 9.]]), labels=np.array([1]), masks=mask)
    sample = dict(img_path=dataset.paths[0], gt_instances=truth)
    gallery.see(sample)
    gallery.see(sample)
    (_, picture), = gallery.truths
    assert picture.class_names == {1: 'cat', 2: 'dog'}
    assert (picture.masks['ground_truth_dog'] == 2 * mask[0]).all()
    (_, ref, prediction), = gallery.predictions
    assert prediction.same_as == ref
    assert (ref.table, ref.row, ref.column) == ('val_data', 0, 'image')


def test_found_by_name():
    assert isinstance(HOOKS.build(dict(type='MMDetWandbHook', init_kwargs=dict(project='p'))), MMDetWandbHook)
    assert HOOKS.get('DetTrackingHook') is DetTrackingHook


def test_arguments_of_the_old_hook():
    hook = MMDetWandbHook(init_kwargs={'project': 'mmdetection'}, interval=10, log_checkpoint=True,
                          log_checkpoint_metadata=True, num_eval_images=100, bbox_score_thr=0.3)
    assert hook.vis_backends == [dict(type='WandbVisBackend', init_kwargs={'project': 'mmdetection'})]
    default = MMDetWandbHook()
    assert (default.interval, default.log_checkpoint, default.log_checkpoint_metadata, default.num_eval_images,
            default.bbox_score_thr) == (50, False, True, 100, 0.3)


@pytest.mark.parametrize('wrong', [dict(interval=0), dict(interval=0.5), dict(num_eval_images=-1)])
def test_wrong_arguments(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        DetTrackingHook(**wrong)
