"""The hook that shows trackers the validation data and predictions of a detector, and keeps its checkpoints there."""
from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from numbers import Number
from typing import Any

from mmengine.integrations.mmdet.checkpoints import CheckpointKeeper
from mmengine.integrations.mmdet.gallery import PREDICTIONS, TRUTHS, Gallery, NoFileError
from mmengine.registry import HOOKS
from mmengine.visualization import Artifact, Hook, Visualizer


@HOOKS.register_module()
class DetTrackingHook(Hook):
    """Record what a detector sees, to any tracker.

    =============================  ===================================================================================
    when                           what
    =============================  ===================================================================================
    first evaluation               table `val_data`: images with boxes and masks of the annotation; artifact `val`
    each evaluation                table `eval_data`: the same images, which are referred to, and what is predicted;
                                   artifact `run_<id>_pred` with the aliases `epoch_<n>` (`iter_<n>`) and `latest`
    each checkpoint                artifact `run_<id>_model` with these aliases; its metadata are the metrics of the
                                   evaluation that falls on it
    =============================  ===================================================================================

    The samples are chosen at random, but the same ones in every run. In a run of several processes they are among
    those that the first process evaluates.

    Args:
        vis_backends: Trackers of this hook, which then get the config, the losses and the metrics too. By default
            everything goes to those of the run, which have these from the `LoggerHook`.
        interval: Record scalars every so many iterations to `vis_backends`.
        log_checkpoint: Whether each checkpoint becomes a version of an artifact.
        log_checkpoint_metadata: Whether it carries the epoch (or iteration) and the metrics of its evaluation.
        num_eval_images: How many samples of the validation are shown; 0 for none.
        bbox_score_thr: Predictions with this score or a lower one are not shown.
        backend_args: Arguments of the storage that images are read from.
    """

    priority = 'LOWEST'  # after whoever saves checkpoints

    def __init__(self, vis_backends: Sequence[Mapping[str, Any]] | None = None, interval: int = 50,
                 log_checkpoint: bool = False, log_checkpoint_metadata: bool = True, num_eval_images: int = 100,
                 bbox_score_thr: float = 0.3, backend_args: dict[str, Any] | None = None) -> None:
        for name, value, least in (('interval', interval, 1), ('num_eval_images', num_eval_images, 0)):
            if not isinstance(value, int) or value < least:
                raise ValueError(f'`{name}` should be an integer not less than {least}, but got {value!r}')
        self.vis_backends = vis_backends
        self.interval = interval
        self.log_checkpoint = log_checkpoint
        self.log_checkpoint_metadata = log_checkpoint_metadata
        self.num_eval_images = num_eval_images
        self.bbox_score_thr = bbox_score_thr
        self.backend_args = backend_args
        self._forget()

    def _forget(self) -> None:
        self._recorder: Any = None
        self._own: Visualizer | None = None
        self._gallery: Gallery | None = None
        self._keeper: CheckpointKeeper | None = None
        self._metrics: dict[str, Any] = {}
        self._run_id = ''

    # The life of a run

    def before_train(self, runner: Any) -> None:
        """Find out what can be recorded, and say what cannot."""
        self._begin(runner)
        saver = _checkpoint_hook(runner)
        validates = getattr(runner, 'val_loop', None) is not None
        if self.log_checkpoint and saver is None:
            runner.logger.warning('log_checkpoint of the tracking hook is off: the run has no CheckpointHook')
        elif self.log_checkpoint:
            self._keeper = CheckpointKeeper(self.log_checkpoint_metadata and self._has_metadata(runner, saver))
        if self.num_eval_images and not validates:
            runner.logger.warning('Neither validation data nor predictions are recorded: the run has no validation')

    def before_val(self, runner: Any) -> None:
        """Begin here if the run is a validation by itself; choose the samples if that was not done."""
        self._begin(runner)
        if self._gallery is None and self.num_eval_images and runner.rank == 0:
            self._gallery = self._make_gallery(runner)
        if self._gallery is not None:
            self._gallery.begin()

    def after_run(self, runner: Any) -> None:
        """End the run at trackers of this hook's own."""
        self._end('success')

    def close(self) -> None:
        """End it after an error."""
        self._end('failed')

    def _begin(self, runner: Any) -> None:
        if self._recorder is not None:
            return
        self._recorder = runner.visualizer
        if self.vis_backends and not self._are_there(runner):
            self._own = self._recorder = Visualizer(vis_backends=self.vis_backends, save_dir=runner.log_dir)
            self._own.add_config(runner.cfg)
        name = os.path.basename(getattr(runner.cfg, 'filename', None) or f'{runner.timestamp}.py')
        path = os.path.join(runner.work_dir, name)
        if self._own is not None and os.path.isfile(path):
            self._own.add_artifact(self._name(runner, 'config'), path, type='config')

    def _are_there(self, runner: Any) -> bool:
        names = [str(backend.get('name') or backend['type']) for backend in self.vis_backends or ()]
        there = [name for name in names if runner.visualizer.get_backend(name) is not None]
        if there:
            runner.logger.warning(f'The run records to {", ".join(there)} already: {type(self).__name__} records there '
                                  'too, and its own settings of trackers are not used')
        return bool(there)

    def _end(self, status: str) -> None:
        own = self._own
        self._forget()
        if own is not None:
            own.close(status)

    def _name(self, runner: Any, what: str) -> str:
        """Name an artifact of this run after what the tracker calls the run."""
        if not self._run_id:
            runs = self._recorder.runs.values()
            self._run_id = next((run.id for run in runs if run.id), None) or runner.timestamp
        return f'run_{self._run_id}_{what}'

    # Numbers

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None,
                         outputs: dict[str, Any] | None = None) -> None:
        """Record the losses, and note a checkpoint of this iteration."""
        if self._own is not None and self.every_n_train_iters(runner, self.interval):
            values, _ = runner.log_processor.get_log_after_iter(runner, batch_idx, 'train')
            self._own.add_scalars(values, runner.iter + 1)
        if self._keeper is not None and self._keeper.is_saving:
            self._keeper.note(runner, runner.iter + 1, 'iter')

    def after_val_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        """Record the metrics and the tables."""
        self._metrics = dict(metrics or {})
        with self._recorder.at(runner.iter, runner.epoch if _point_of(runner)[0] == 'epoch' else None):
            if self._own is not None:
                numbers = {name: value for name, value in self._metrics.items() if isinstance(value, Number)}
                self._own.add_scalars(numbers, _point_of(runner)[1])
            if self._gallery is not None:
                self._record_tables(runner, self._gallery)

    # Pictures

    def after_val_iter(self, runner: Any, batch_idx: int, data_batch: Any = None,
                       outputs: Sequence[Any] | None = None) -> None:
        """Take the samples of a batch."""
        if self._gallery is None:
            return
        try:
            for sample in outputs or ():
                self._gallery.see(sample)
        except NoFileError as error:
            runner.logger.warning(f'Neither validation data nor predictions are recorded: {error}')
            self._gallery = None
            self.num_eval_images = 0

    def _make_gallery(self, runner: Any) -> Gallery | None:
        loader = runner.val_dataloader
        dataset, sampler = getattr(loader, 'dataset', None), getattr(loader, 'sampler', None)
        try:
            length = len(sampler if sampler is not None else dataset)  # type: ignore[arg-type]  # None has no length
        except TypeError:
            runner.logger.warning('Neither validation data nor predictions are recorded: how many samples the '
                                  'validation has is not known')
            self.num_eval_images = 0
            return None
        if self.num_eval_images > length:
            runner.logger.warning(f'num_eval_images is {self.num_eval_images}, but the validation has {length} '
                                  'samples: all of them are shown')
        return Gallery(dataset, length, self.num_eval_images, self.bbox_score_thr, self.backend_args)

    def _record_tables(self, runner: Any, gallery: Gallery) -> None:
        unit, number = _point_of(runner)
        if gallery.truths:
            self._recorder.add_table(TRUTHS, ['image_name', 'image'], gallery.truths, number,
                                     artifact=Artifact('val', 'dataset'))
        if gallery.predictions:
            version = Artifact(self._name(runner, 'pred'), 'evaluation', ('latest', f'{unit}_{number}'))
            self._recorder.add_table(PREDICTIONS, ['image_name', 'ground_truth', 'prediction'], gallery.predictions,
                                     number, artifact=version)
        gallery.begin()  # the pictures are not kept until the next evaluation

    # Checkpoints

    def before_save_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Note that somebody saves a checkpoint."""
        if self._keeper is not None:
            self._keeper.is_saving = True

    def after_train_epoch(self, runner: Any) -> None:
        """Note a checkpoint of this epoch."""
        if self._keeper is not None and self._keeper.is_saving:
            self._keeper.note(runner, runner.epoch + 1, 'epoch')

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        """Hand on a checkpoint that no evaluation fell on."""
        if self._keeper is not None and self._keeper.waiting is not None:
            self._hand_over(runner, {})

    def after_val(self, runner: Any) -> None:
        """Hand on the checkpoint that was evaluated; the best ones are the business of the checkpoint hook."""
        if self._keeper is not None:
            self._hand_over(runner, self._metrics)
            self._keeper.is_saving = False

    def after_train(self, runner: Any) -> None:
        """Hand on the last checkpoint, also one that was saved just now."""
        if self._keeper is not None:
            if self._keeper.is_saving:
                unit, number = _point_of(runner)
                self._keeper.note(runner, number, unit)
            self._hand_over(runner, {})

    def _hand_over(self, runner: Any, metrics: Mapping[str, Any]) -> None:
        if self._keeper is not None and self._keeper.waiting is not None:
            self._keeper.hand_over(runner, self._recorder, self._name(runner, 'model'), metrics)

    @staticmethod
    def _has_metadata(runner: Any, saver: Any) -> bool:
        if getattr(runner, 'val_loop', None) is None:
            runner.logger.warning('log_checkpoint_metadata of the tracking hook is off: the run has no validation')
            return False
        saves, validates = getattr(saver, 'interval', 1), getattr(runner, 'val_interval', None)
        if validates and saves > 0 and saves % validates:
            runner.logger.warning(f'The checkpoint interval is {saves} and the validation interval {validates}: only '
                                  'checkpoints that a validation falls on carry its metrics')
        return True


def _checkpoint_hook(runner: Any) -> Any:
    """Find the hook that saves checkpoints, of whatever library it is."""
    return next((hook for hook in runner.hooks
                 if any(kind.__name__ == 'CheckpointHook' for kind in type(hook).__mro__)), None)


def _point_of(runner: Any) -> tuple[str, int]:
    """Give what the run counts, 'epoch' or 'iter', and how many are done."""
    by_epoch = getattr(runner.log_processor, 'by_epoch', True)
    return ('epoch', runner.epoch) if by_epoch else ('iter', runner.iter)
