"""The libraries of the family: which scope belongs to which distribution, and how their modules get registered."""
from __future__ import annotations

from importlib import import_module

#: Scope (the import name of the library) -> distribution to install.
LIBRARIES = {
    'mmaction': 'mmaction2',
    'mmagic': 'mmagic',
    'mmcls': 'mmcls',
    'mmcv': 'mmcv',
    'mmdet': 'mmdet',
    'mmdet3d': 'mmdet3d',
    'mmedit': 'mmedit',
    'mmfewshot': 'mmfewshot',
    'mmflow': 'mmflow',
    'mmgen': 'mmgen',
    'mmhuman3d': 'mmhuman3d',
    'mmocr': 'mmocr',
    'mmpose': 'mmpose',
    'mmpretrain': 'mmpretrain',
    'mmrazor': 'mmrazor',
    'mmrotate': 'mmrotate',
    'mmseg': 'mmsegmentation',
    'mmselfsup': 'mmselfsup',
    'mmtrack': 'mmtrack',
    'mmyolo': 'mmyolo',
}

#: Names that distributions of this project register, where their entry point would tell if they were installed.
DISTRIBUTIONS = {
    'AimVisBackend': 'mmparts-aim',
    'ClearMLVisBackend': 'mmparts-clearml',
    'DVCLiveVisBackend': 'mmparts-dvclive',
    'DetTrackingHook': 'mmparts-mmdet',
    'MMDetWandbHook': 'mmparts-mmdet',
    'MLflowVisBackend': 'mmparts-mlflow',
    'NeptuneVisBackend': 'mmparts-neptune',
    'SwanlabVisBackend': 'mmparts-swanlab',
    'TensorboardVisBackend': 'mmparts-tensorboard',
    'WandbVisBackend': 'mmparts-wandb',
}

#: Transforms that MMCV registers without a scope of its own, so that no prefix gives them away.
MMCV_TRANSFORMS = frozenset((
    'CenterCrop', 'Compose', 'ImageToTensor', 'KeyMapper', 'LoadAnnotations', 'LoadImageFromFile', 'MultiScaleFlipAug',
    'Normalize', 'Pad', 'RandomApply', 'RandomChoice', 'RandomChoiceResize', 'RandomFlip', 'RandomGrayscale',
    'RandomResize', 'Resize', 'TestTimeAug', 'ToTensor', 'TransformBroadcaster',
))


def is_absent(error: ModuleNotFoundError, module: str) -> bool:
    """Tell whether `module` itself, or a package that it lies in, is what was not found."""
    return error.name is not None and f'{module}.'.startswith(f'{error.name}.')


def is_dotted_path(path: str) -> bool:
    """Tell whether a text can be the path of a module, class or function."""
    return all(part.isidentifier() for part in path.split('.'))


def import_registries(scope: str) -> str | None:
    """Import `<scope>.registry`, whose registries then hang in the tree.

    Returns:
        None, or why it cannot be imported. What the library raises on purpose, about a version for example, is
        not caught.
    """
    if not is_dotted_path(scope):
        return f'{scope!r} is not the name of a package'
    module = f'{scope}.registry'
    try:
        import_module(module)
    except ModuleNotFoundError as e:
        if not is_absent(e, module):
            return f'importing {module} failed: {type(e).__name__}: {e}'
        if e.name == module:
            return f'the package {scope!r} has no module {module!r} with registries'
        return install_line(scope)
    except (ImportError, AttributeError) as e:
        return f'importing {module} failed: {type(e).__name__}: {e}'
    return None


def install_line(scope: str) -> str:
    """Word that a library is not installed, with the line that installs it where the distribution is known."""
    text = f'there is no package {scope!r}'
    return f'{text}: pip install {LIBRARIES[scope]}' if scope in LIBRARIES else text


def register_all_modules(scope: str) -> None:
    """Let a library of the family register its modules, in case its registries have no `locations`."""
    if scope not in LIBRARIES:
        return
    module = f'{scope}.utils'
    try:
        utils = import_module(module)
    except ModuleNotFoundError as e:
        if not is_absent(e, module):
            raise
    else:
        register = getattr(utils, 'register_all_modules', None)
        if register is not None:
            register(False)  # the default scope stays as it is
