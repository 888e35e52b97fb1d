"""Snippets of Python: how each kind is known, what it is run with, and what it has to have done afterwards."""
from __future__ import annotations

import ast
import inspect
import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from snippets import Snippet
from workplace import Failed, Workplace, require, series

Outcome = tuple[str, str]
RUN_DETECTOR = 'from mmengine.runner import Runner\nRunner.from_cfg(cfg).train()'


@dataclass(frozen=True)
class Case:
    """A kind of snippet.

    Attributes:
        knows: Tells by the code and its names whether a snippet is of this kind.
        run: Runs it and checks; gives what was run and what was checked.
    """

    knows: Callable[[str, set[str]], bool]
    run: Callable[[Snippet, Workplace], Outcome]


def names_in(code: str) -> set[str]:
    """Give all names, attributes and keywords of some Python."""
    found = set()
    for node in ast.walk(ast.parse(code)):
        found |= {value for key in ('id', 'attr', 'arg', 'name') if isinstance(value := getattr(node, key, None), str)}
    return found


def said(snippet: Snippet, key: str) -> str:
    """Give the value of a key that the snippet itself has, as `project` in `init_kwargs`."""
    found = re.search(rf"""\b{key}['"]?\s*[=:]\s*['"]([^'"]+)['"]""", snippet.code)
    if found is None:
        raise Failed(f'the snippet says no {key}')
    return found[1]


def check_visualizer(snippet: Snippet, place: Workplace) -> Outcome:
    """A visualizer made of settings has a backend, whose run has the project of the settings."""
    place.run_python(snippet, after='visualizer.add_scalar("loss", 0.5, 3)\nvisualizer.close()')
    facts, loss = place.wandb_facts(), series(place.wandb_records(), 'loss')
    require(facts['project'] == said(snippet, 'project'), f'the run is in the project {facts["project"]!r}')
    require(loss == [(3, 0.5)], f'the run has the losses {loss}')
    run = place.last_run('offline-run-*').relative_to(place.folder)
    require(run.is_relative_to(said(snippet, 'save_dir')), f'the run is in {run}')
    return 'the visualizer, then one scalar', f'offline run of project {facts["project"]}, in {"/".join(run.parts[:2])}'


def check_runner(snippet: Snippet, place: Workplace) -> Outcome:
    """A runner trains a GAN, and the visualizer of the snippet before records its losses."""
    before, config = 'from gan import *', place.folder / 'config.py'
    earlier = [known for known in place.earlier if 'get_instance' in known.code][-1:]
    if not earlier:
        require(config.is_file(), 'no snippet before this one has made a visualizer or a config with one')
        before += ('\nfrom mmengine.config import Config\nfrom mmengine.registry import VISUALIZERS\n'
                   'visualizer = VISUALIZERS.build({**Config.fromfile("config.py").visualizer, "save_dir": "runs"})')
    place.run_python(*earlier, snippet, before=before)
    work_dir = place.folder / said(snippet, 'work_dir')
    require((work_dir / 'epoch_2.pth').is_file(), f'no checkpoint in {work_dir}')
    for name in ('loss_dis', 'loss_gen'):
        if earlier:
            steps = [step for step, _ in series(place.wandb_records(), name)]
        else:
            steps = [record.step for kind, record in place.swanlab_records() if kind == 'scalar' and record.key == name]
        require(steps == [10, 20, 30, 40], f'{name} was recorded at {steps}')
    tracker = 'W&B' if earlier else 'SwanLab'
    return ('a GAN of 2 x 20 iterations' + ' after the snippet above' * bool(earlier),
            f'checkpoint of epoch 2; both losses at {tracker}, every 10 iterations')


def check_inheriting_config(snippet: Snippet, place: Workplace) -> Outcome:
    """A config of MMDetection that inherits its runtime, and sets the backends: they record a detector's run."""
    place.unpack_configs()
    config = place.folder / 'configs' / 'mine' / 'config.py'
    config.parent.mkdir(exist_ok=True)
    config.write_text(snippet.code, encoding='utf-8')
    scaffold = Path(__file__).resolve().parent / 'scaffold' / 'detection_config.py'
    place.run(sys.executable, '-c', f'''
from mmengine.config import Config
cfg = Config.fromfile({str(config)!r})
assert cfg.visualizer.type == 'DetLocalVisualizer', cfg.visualizer
assert [backend.type for backend in cfg.visualizer.vis_backends] == ['WandbVisBackend'], cfg.visualizer
assert cfg.default_hooks.logger.interval == 50
cfg.merge_from_dict(Config.fromfile({str(scaffold)!r}).to_dict())
{RUN_DETECTOR}''')
    facts = place.wandb_facts()
    found = {key: facts.get(key) for key in ('project', 'entity')}
    wanted = {key: said(snippet, key) for key in found}
    require(found == wanted, f'the run is of {found}, and was to be of {wanted}')
    scores = series(place.wandb_records(), 'coco/bbox_mAP')
    require(len(scores) == 2, f'the scores are {scores}')
    return "on MMDetection's released _base_, 4 epochs of a stand-in", f'inherits; W&B run of {found}, 2 evaluations'


def check_swanlab_config(snippet: Snippet, place: Workplace) -> Outcome:
    """A config that imports SwanLab's own backend: its visualizer records to it."""
    whole = '_base_' in snippet.code  # a whole file of MMDetection, which the command below it trains with
    name = 'configs/faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py' if whole else 'config.py'
    if whole:
        place.unpack_configs()
    (place.folder / name).write_text(snippet.code, encoding='utf-8')
    printed = place.run(sys.executable, '-c', f'''
from mmengine.config import Config
from mmengine.registry import VISUALIZERS, DefaultScope, init_default_scope
cfg = Config.fromfile({name!r})
init_default_scope(cfg.get('default_scope', 'mmengine'))
visualizer = VISUALIZERS.build(dict(cfg.visualizer, save_dir='alone'))
visualizer.add_config(cfg)
visualizer.add_scalar('loss', 0.5, 3)
print('made', type(visualizer.get_backend('SwanlabVisBackend')).__module__, type(visualizer).__name__)
if {whole}:
    assert (cfg.model.type, cfg.train_cfg.max_epochs, cfg.optim_wrapper.optimizer.lr) == ('FasterRCNN', 12, 0.02)
visualizer.close()''')
    kind = said(snippet, 'visualizer = dict\\(\\s*type')
    require(f'made swanlab.integration.mmengine {kind}\n' in printed,
            f'not the backend and visualizer of the config: {printed}')
    records = place.swanlab_records()
    everything = ' '.join(str(record) for _, record in records)
    for key in ('project', 'experiment_name', 'description'):
        require(json.dumps(said(snippet, key)) in everything, f'the run does not say its {key}')
    return 'the config, its visualizer, one scalar', "SwanLab's own backend; its run has project, name, description"


def check_detection_hook(snippet: Snippet, place: Workplace) -> Outcome:
    """The hook of MMDetection 2 in a config: scalars, versions of checkpoints and tables of pictures are recorded."""
    from detection import check_artifacts
    _detection_config(place, said(snippet, 'config_file'))
    place.run_python(snippet, before='from mmengine.config import Config', after=RUN_DETECTOR)
    facts, records = place.wandb_facts(), place.wandb_records()
    require(facts['project'] == said(snippet, 'project'), f'the run is in the project {facts["project"]!r}')
    steps = [step for step, _ in series(records, 'loss')]
    require(steps == [10, 20, 30], f'interval=10, and losses were recorded at {steps}')
    return ('4 epochs of a detector with this log_config', check_artifacts(records))


def check_init_kwargs(snippet: Snippet, place: Workplace) -> Outcome:
    """Arguments of the hook reach the run."""
    _detection_config(place, 'config.py')
    place.run_python(snippet, after='from mmengine.config import Config\ncfg = Config.fromfile("config.py")\n'
                     'cfg.custom_hooks = [dict(type="MMDetWandbHook", init_kwargs=init_kwargs, interval=10, '
                     f'num_eval_images=0)]\n{RUN_DETECTOR}')
    facts, wanted = place.wandb_facts(), eval(f'dict({snippet.code.strip()})', {})['init_kwargs']
    tables = [record for record in place.wandb_records() if record['type'] == 'artifact'
              and record['artifact']['type'] in ('dataset', 'evaluation')]
    config = {key: facts['config'].get(key) for key in wanted['config']}
    require(config == wanted['config'], f'the config of the run has {config}')
    for key in ('project', 'entity', 'tags'):
        require(facts.get(key) == wanted[key], f'{key} of the run is {facts.get(key)!r}')
    require(not tables, 'num_eval_images=0, and tables were recorded')
    return 'MMDetWandbHook with these, num_eval_images=0', 'project, entity, tags, config of the run; no tables'


def check_arguments(snippet: Snippet, place: Workplace) -> Outcome:
    """The hook takes the arguments of a table, with the defaults that it names."""
    from mmengine.integrations.mmdet import MMDetWandbHook
    known = inspect.signature(MMDetWandbHook).parameters
    for line in snippet.code.splitlines():
        name, kind, *rest = re.findall(r'`([^`]+)`', line)
        require(name in known, f'{name} ({kind}) is no argument of MMDetWandbHook')
        default = ast.literal_eval(rest[-1]) if rest else None
        require(known[name].default == default, f'{name} is {known[name].default!r} unless given, not {default!r}')
    return 'signature of MMDetWandbHook', f'{len(snippet.code.splitlines())} arguments with their defaults'


def _detection_config(place: Workplace, name: str) -> None:
    scaffold = Path(__file__).resolve().parent / 'scaffold' / 'detection_config.py'
    file = place.folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(scaffold.read_text(encoding='utf-8') + 'log_config = dict(interval=50, hooks=[])\n')


CASES = [
    Case(lambda code, names: 'get_instance' in names and 'visualizer' in names, check_visualizer),
    Case(lambda code, names: {'Runner', 'train', 'model'} <= names, check_runner),
    Case(lambda code, names: 'custom_imports' in names and 'swanlab.integration' in code, check_swanlab_config),
    Case(lambda code, names: '_base_' in names and 'WandbVisBackend' in code, check_inheriting_config),
    Case(lambda code, names: 'MMDetWandbHook' in code and 'log_config' in names, check_detection_hook),
    Case(lambda code, names: names == {'init_kwargs'}, check_init_kwargs),
]


def check_python(snippet: Snippet, place: Workplace) -> Outcome:
    """Run and check a snippet of Python by its kind.

    Raises:
        Failed: It is of no known kind, did not run, or did not keep its promise.
    """
    names = names_in(snippet.code)
    found = [case for case in CASES if case.knows(snippet.code, names)]
    require(len(found) == 1, f'{len(found)} kinds in {Path(__file__).name} know this snippet, not one:\n{snippet.code}')
    outcome = found[0].run(snippet, place)
    place.earlier.append(snippet)
    return outcome
