"""Sessions of the monorepo: `nox -l` lists them, `nox -t quick` is what a change needs, `nox -s tests` is all.

Every session that runs code of ours installs the built wheels and works in a folder outside the checkout, so that
nothing is importable by accident. Environments and wheels are used again as long as what went into them is the same.
"""
from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import sys
import tempfile
from pathlib import Path

import nox
from nox.command import CommandFailed

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / 'tools'))
from parts import closure, load_parts, name_of, needs_torch

HAS_UV = shutil.which('uv') is not None or importlib.util.find_spec('uv') is not None

nox.needs_version = '>=2025.2.9'
nox.options.default_venv_backend = 'uv|virtualenv'  # uv where it is installed: `pip install nox[uv]`
nox.options.reuse_venv = 'yes'
nox.options.download_python = 'never'
nox.options.error_on_missing_interpreters = False  # said and counted as skipped, not as passed
nox.options.sessions = ['tests']

PYTHONS = ['3.10', '3.11', '3.12', '3.13']
TORCH_PYTHON = '3.11'
DIST = ROOT / 'dist'
REPORTS = ROOT / '.nox' / '.reports'
TORCH = ROOT / 'constraints' / 'torch.txt'
TOOLS = ROOT / 'tools'
DEMO = ROOT / 'examples' / 'digits'
BENCHMARKS = ROOT / 'benchmarks'
#: what a file of tests sets up is set up once, and no file comes before one that it follows otherwise; a process of
#: tests that dies ends them all, where a new one would be waited for without end
PARALLEL = ['-n', str(min(4, os.cpu_count() or 1)), '--dist', 'loadfile', '--no-loadscope-reorder',
            '--max-worker-restart', '0']
SEED = ['--seed'] if HAS_UV else []  # torch comes by pip alone: uv would take the build for CUDA
#: Tests that start many processes: they run once, with their part alone.
ALONE = ['blocks_distributed', 'checkpoint_async', 'commands_launch', 'dataset_memory', 'dist_processes',
         'hooks_nonfinite_loss', 'hooks_on_ranks', 'hooks_progress_bar', 'resume_data', 'resume_matrix',
         'runner_errors', 'soak_kill', 'stop_signals', 'strategy_']
CORPUS = ['mmdet', 'mmpretrain', 'mmsegmentation', 'mmaction2', 'mmpose']
PEERS = {  # others' work in environments of its own
    'upstream': ['mmengine==0.10.7', 'setuptools<81'],
    'peers': ['lightning', 'pytorch-ignite', 'accelerate'],
}
COLOSSALAI_NEEDS = [  # what its modules import, as far as that does not tie torch down
    'packaging', 'tqdm', 'psutil', 'click', 'fabric', 'contexttimer', 'rpyc==6.0.0', 'huggingface_hub<1',
    'tokenizers==0.21.1', 'safetensors', 'regex', 'einops', 'pydantic', 'sentencepiece', 'protobuf', 'requests',
]
PARTS = load_parts()


def _offer_pyenv() -> None:
    """Put the interpreters of pyenv on the path: its shims answer for the global version only."""
    versions = Path(os.environ.get('PYENV_ROOT', Path.home() / '.pyenv')) / 'versions'
    for version in PYTHONS:
        found = sorted(versions.glob(f'{version}.*/bin/python{version}'), key=lambda p: int(p.parts[-3].split('.')[2]))
        if found:
            os.environ['PATH'] = os.pathsep.join([str(found[-1].parent), os.environ['PATH']])


_offer_pyenv()


def _pythons(name: str) -> list[str]:
    """Give the Pythons that a part is tested on: those that it declares, and with torch the one that torch is for."""
    return [python for python in ([TORCH_PYTHON] if needs_torch(PARTS, name) else PYTHONS)
            if PARTS[name].supports(python)]


def _tags(name: str, python: str) -> list[str]:
    """Give the tags of a part's isolated session: CI runs an integration on its highest Python only."""
    in_ci = python == _pythons(name)[-1] or not PARTS[name].is_integration
    return ['quick'] * (python == TORCH_PYTHON) + ['ci'] * in_ci


def _matrix(only_lowest: bool = False) -> list[object]:
    """Every part with tests on every Python that it is tested on; the id names both, so no two share a folder."""
    return [
        nox.param(python, name, id=f'{name}-py{python}', tags=[] if only_lowest else _tags(name, python))
        for name, part in PARTS.items() if part.tests.is_dir()
        for python in _pythons(name)[:1 if only_lowest else None]
    ]


def _wheels(names: list[str]) -> list[Path]:
    wheels = [PARTS[name].artifact(DIST) for name in names]
    return [wheel for wheel in wheels if wheel is not None]


def _pip(session: nox.Session, command: str, *arguments: str) -> None:
    program = ['uv', 'pip'] if session.venv_backend == 'uv' else ['pip']
    agree = ['-y'] if command == 'uninstall' and program == ['pip'] else []
    session.run(*program, command, *agree, *arguments, silent=True, external=True)


def _install_torch(session: nox.Session) -> None:
    try:
        session.run('python', '-m', 'pip', 'install', '-q', '--no-compile', '-c', str(TORCH), 'torch')
    except CommandFailed:
        refuse = session.error if os.environ.get('CI') else session.skip  # CI must not pass without it
        refuse(f'the torch of constraints/{TORCH.name} cannot be installed on this Python: see above')


def _install(session: nox.Session, names: list[str], *requirements: str) -> None:
    """Install the wheels of some parts and what these declare, unless the environment has just that already."""
    wheels = _wheels(names)
    constraints = ['-c', str(TORCH)] if any(needs_torch(PARTS, name) for name in names) else []
    content = [*(w.read_bytes() for w in wheels), *(r.encode() for r in requirements), TORCH.read_bytes()]
    digest = hashlib.sha256(b''.join(hashlib.sha256(c).digest() for c in content)).hexdigest()
    stamp = Path(session.virtualenv.location) / '.installed'
    if stamp.exists() and stamp.read_text() == digest:
        return
    stamp.unlink(missing_ok=True)
    _pip(session, 'uninstall', '-q', *(PARTS[name].distribution for name in names))
    if constraints:
        _install_torch(session)
    session.install('--no-compile', *constraints, *map(str, wheels), *requirements)
    _pip(session, 'check')
    stamp.write_text(digest)


def _pytest(session: nox.Session, *folders: Path | str, program: str = 'pytest') -> None:
    """Run tests in a folder outside the checkout, where only what is installed can be imported."""
    REPORTS.mkdir(parents=True, exist_ok=True)
    _note_versions(session)
    with tempfile.TemporaryDirectory(prefix='mmparts-') as folder, session.chdir(folder):
        session.run(program, '-c', str(ROOT / 'pyproject.toml'), '--rootdir', str(ROOT), '-p', 'no:cacheprovider',
                    '--junit-xml', str(REPORTS / f'{session.name}.xml'), *map(str, folders), *session.posargs,
                    env={'OMP_NUM_THREADS': '1'})  # the models of the tests are too small to share among threads


def _note_versions(session: nox.Session) -> None:
    """Leave a list of what is installed beside the report of the tests, for the session `support`."""
    if session.venv_backend == 'none':
        return
    script = ('import json; from importlib.metadata import distributions as d; '
              'print(json.dumps({i.name.lower().replace("_", "-"): i.version for i in d()}))')
    listed = session.run('python', '-c', script, silent=True, log=False)
    (REPORTS / f'{session.name}.json').write_text(str(listed))


def _test_requires(names: list[str]) -> list[str]:
    return sorted({requirement for name in names for requirement in PARTS[name].test_requires})


def _demo_requires(*examples: str) -> list[str]:
    """Give what some examples need beside the parts; without names, what any of them does."""
    files = [DEMO.parent / name / 'requirements.txt' for name in examples] or DEMO.parent.glob('*/requirements.txt')
    lines = {line for file in files for line in file.read_text(encoding='utf-8').splitlines()}
    return sorted(line for line in lines if line and not line.startswith('#'))


def _of_everything(session: nox.Session, program: str) -> str:
    """Give a program of the environment that `everything` has made."""
    found = shutil.which(program, path=str(ROOT / '.nox' / 'everything' / ('Scripts' if os.name == 'nt' else 'bin')))
    if found is None:
        session.skip(f'the session everything made no environment: Python {TORCH_PYTHON} or {TORCH.name} is not there')
    return found


@nox.session(venv_backend='none')
def tests(session: nox.Session) -> None:
    """Everything that a submission must pass, and one line of totals at the end."""
    shutil.rmtree(REPORTS, ignore_errors=True)
    REPORTS.mkdir(parents=True)
    report = REPORTS / 'nox.json'
    posargs = ['--', *session.posargs] if session.posargs else []
    try:
        session.run(sys.executable, '-m', 'nox', '-f', __file__, '--report', str(report), '-t', 'ci', *posargs)
    finally:
        session.run(sys.executable, str(TOOLS / 'totals.py'), str(report))


@nox.session(tags=['quick', 'ci'])
def lint(session: nox.Session) -> None:
    """Style and common mistakes, by ruff."""
    session.install('ruff>=0.14')
    session.run('ruff', 'check', *(session.posargs or ['.']))


@nox.session(tags=['ci'])
def build(session: nox.Session) -> None:
    """Wheels and source distributions of all parts into dist/."""
    session.install('build', 'hatchling>=1.27')
    session.run('python', str(TOOLS / 'build_parts.py'), str(DIST))
    session.run('python', str(TOOLS / 'check_wheels.py'), str(DIST))


@nox.session(tags=['quick', 'ci'], requires=['build'])
def imports(session: nox.Session) -> None:
    """Who imports whom: no cycles, nothing upwards, nothing undeclared; and the tests of these checks."""
    session.install('pytest>=8.0', 'towncrier>=24')
    session.run('python', str(TOOLS / 'check_imports.py'))
    session.run('python', str(TOOLS / 'check_wheels.py'), str(DIST))
    _pytest(session, ROOT / 'tests' / 'packaging')


@nox.session(requires=['build'], venv_params=SEED)
@nox.parametrize('python,part', _matrix())
def isolated(session: nox.Session, part: str) -> None:
    """One part alone, from its wheel with only what it declares."""
    parallel = PARALLEL if needs_torch(PARTS, part) else []  # the tests of the others are over in a minute
    _install(session, closure(PARTS, [part]), *PARTS[part].test_requires, *(['pytest-xdist>=3.6'] if parallel else []))
    _pytest(session, *parallel, PARTS[part].tests)


@nox.session(requires=['build'], venv_params=SEED)
@nox.parametrize('python,part', _matrix(only_lowest=True))
def lowest(session: nox.Session, part: str) -> None:
    """One part with the lowest versions that it and its siblings declare; torch as in the constraints."""
    session.install('uv')
    names = closure(PARTS, [part])
    wanted = Path(session.create_tmp()) / 'wanted.txt'
    thirds = {r for name in names for r in PARTS[name].requires if name_of(r) not in _distributions()}
    wanted.write_text('\n'.join(sorted(r for r in thirds if name_of(r) != 'torch')))
    pins = session.run('uv', 'pip', 'compile', '-q', '--no-header', '--no-annotate', '--resolution', 'lowest-direct',
                       '--python', session.virtualenv.location, str(wanted), silent=True).splitlines()
    _pip(session, 'uninstall', '-q', 'wheel')  # of the seed, and wants a newer packaging than our parts do
    _install(session, names, *pins, *PARTS[part].test_requires)
    _pytest(session, PARTS[part].tests, '-W', 'default')  # old releases warn about themselves


def _distributions() -> set[str]:
    return {part.distribution for part in PARTS.values()}


@nox.session(python=TORCH_PYTHON, requires=['build'], venv_params=SEED)
def everything(session: nox.Session) -> None:
    """Only make the environment of all parts, which together, typecheck and bench use."""
    _install(session, list(PARTS), *_test_requires(list(PARTS)), *_demo_requires(), 'mypy>=1.13', 'types-PyYAML',
             'hatchling>=1.27', 'pytest-xdist>=3.6')


@nox.session(venv_backend='none', tags=['ci'], requires=['everything'])
def together(session: nox.Session) -> None:
    """All parts in one environment: the tests of all but the longest, and those of the whole."""
    folders = [part.tests for part in PARTS.values() if part.tests.is_dir()]
    alone = [] if session.posargs else [f'--ignore-glob={ROOT}/packages/*/tests/test_{name}*.py' for name in ALONE]
    _pytest(session, *PARALLEL, *alone, *folders, ROOT / 'tests' / 'together',
            program=_of_everything(session, 'pytest'))


@nox.session(venv_backend='none', tags=['ci'], requires=['everything'])
def typecheck(session: nox.Session) -> None:
    """Strict types of the installed wheels, which is what users get."""
    session.chdir(session.create_tmp())
    what = session.posargs or ['-p', 'mmengine']
    session.run(_of_everything(session, 'mypy'), '--config-file', str(ROOT / 'pyproject.toml'), *what)


@nox.session(python=TORCH_PYTHON, tags=['ci'], requires=['build'])
def upgrade(session: nox.Session) -> None:
    """Over an installed upstream mmengine, by the line of the README, with pip and with uv."""
    session.install('pytest>=8.0', 'uv')
    _pytest(session, ROOT / 'tests' / 'upgrade')


@nox.session(venv_params=SEED)
def dev(session: nox.Session) -> None:
    """One editable environment with everything, for the desk; `.dev` is a tree of links for editors."""
    session.install('--no-compile', '-c', str(TORCH), 'hatchling>=1.27', 'ruff>=0.14', 'mypy>=1.13', 'types-PyYAML',
                    'torch', *_test_requires(list(PARTS)), *_demo_requires())
    editable = [arg for part in PARTS.values() for arg in (['-e'] if part.source.is_dir() else []) + [str(part.path)]]
    session.install('--no-build-isolation', '-c', str(TORCH), *editable)
    session.run('python', str(TOOLS / 'link_tree.py'))
    session.log(f'ready: source {session.virtualenv.location}/bin/activate')


@nox.session(requires=['build'], venv_params=SEED)
def demo(session: nox.Session) -> None:
    """Train a small network on handwritten digits; `nox -s demo -- dataset=fashion` on pieces of clothing."""
    _install(session, list(PARTS), *_demo_requires('digits'))
    session.run('python', str(DEMO / 'demo.py'), *session.posargs)


def _peer(session: nox.Session, name: str) -> str:
    """Give the Python of an environment of others' work: upstream's mmengine, or the trainers that we race."""
    folder = ROOT / '.nox' / name
    python = folder / ('Scripts' if os.name == 'nt' else 'bin') / 'python'
    stamp, wanted = folder / '.installed', ' '.join(PEERS[name])
    if not (stamp.exists() and stamp.read_text() == wanted):
        session.run(_of_everything(session, 'python'), '-m', 'venv', '--clear', str(folder), external=True)
        session.run(str(python), '-m', 'pip', 'install', '-q', '-c', str(TORCH), 'torch', *PEERS[name], external=True)
        stamp.write_text(wanted)
    return str(python)


def _corpus(session: nox.Session) -> str:
    """Give a folder with the released wheels of libraries, for the configs in them."""
    folder = ROOT / '.nox' / 'corpus'
    if len(list(folder.glob('*.whl'))) < len(CORPUS):
        session.run(_of_everything(session, 'python'), '-m', 'pip', 'download', '-q', '--no-deps', '-d', str(folder),
                    *CORPUS, external=True)
    return str(folder)


def _race(session: nox.Session, script: Path) -> None:
    """Run a script of benchmarks/ with the peers that it has options for, in the environment of all parts."""
    text = script.read_text(encoding='utf-8')
    peers = [word for name in PEERS if f"'--{name}'" in text for word in (f'--{name}', _peer(session, name))]
    wheels = ['--wheels', _corpus(session)] if "'--wheels'" in text else []
    session.chdir(session.create_tmp())
    session.run(_of_everything(session, 'python'), str(script), *wheels, *peers, *session.posargs)


@nox.session(venv_backend='none', requires=['everything'])
@nox.parametrize('what', [file.stem.removeprefix('bench_') for file in sorted(BENCHMARKS.glob('bench_*.py'))])
def bench(session: nox.Session, what: str) -> None:
    """What things cost, beside upstream 0.10.7 and other trainers in the same run: one table a file in benchmarks/."""
    _race(session, BENCHMARKS / f'bench_{what}.py')


@nox.session(python=TORCH_PYTHON, requires=['build'])
def generated(session: nox.Session) -> None:
    """More than 10,000 generated and mutated configs: nothing but the documented errors comes out."""
    _install(session, closure(PARTS, ['config']), *PARTS['config'].test_requires)
    session.env['MMENGINE_GENERATED'] = '12000'
    _pytest(session, PARTS['config'].tests / 'test_config_generated.py')


@nox.session(venv_backend='none', requires=['everything'])
def soak(session: nox.Session) -> None:
    """Runs that are killed, run out of room or find damaged checkpoints; every case of exact resume: half an hour."""
    tests = PARTS['engine'].tests
    with tempfile.TemporaryDirectory(prefix='mmparts-') as folder, session.chdir(folder):
        session.run(_of_everything(session, 'python'), str(tests / 'programs' / 'soak_kill.py'), '--count', '200',
                    '--folder', folder, env={'OMP_NUM_THREADS': '1'})
    session.env['MMENGINE_FULL'] = '1'
    exact = [tests / f'test_{name}.py' for name in ('resume_matrix', 'resume_data', 'strategy_fsdp')]
    _pytest(session, *PARALLEL, *exact, program=_of_everything(session, 'pytest'))


@nox.session(python=TORCH_PYTHON, tags=['ci'], requires=['build'])
def stores(session: nox.Session) -> None:
    """Files on Google Cloud Storage, Azure, FTP and the Hugging Face hub, as far as their emulators can be had."""
    fileio = PARTS['fileio']
    _install(session, closure(PARTS, ['fileio']), *fileio.test_requires, *fileio.groups['stores'])
    session.env.update(_azurite(session))
    _pytest(session, fileio.tests / 'test_fileio_cloud_stores.py')


def _azurite(session: nox.Session) -> dict[str, str]:
    """Install the emulator of Azure, and give the variable by which the tests find it."""
    folder = ROOT / '.nox' / 'azurite'
    program = folder / 'node_modules' / '.bin' / 'azurite-blob'
    try:
        if not program.exists():
            session.run('npm', 'install', '--silent', '--fetch-retries=1', '--prefix', str(folder), 'azurite@3',
                        external=True)
    except CommandFailed:
        session.warn('npm, of Node.js, is not there or cannot install azurite: the tests of Azure will skip')
        return {}
    return {'MMENGINE_AZURITE': str(program)}


@nox.session(venv_backend='none', requires=['everything'])
def corpus(session: nox.Session) -> None:
    """Every config of the libraries' released wheels, loaded and dumped by us and by upstream 0.10.7."""
    _race(session, BENCHMARKS / 'config_corpus.py')


@nox.session(requires=['build'])
def artifacts(session: nox.Session) -> None:
    """Every part builds to the same bytes twice; hashes, and a list of all that an installation brings along."""
    session.install('build', 'hatchling>=1.27')
    session.run('python', str(TOOLS / 'artifacts.py'), str(DIST))
    folder, programs = Path(session.create_tmp()), 'Scripts' if os.name == 'nt' else 'bin'
    installed, tools = folder / 'installed' / programs / 'python', folder / 'tools' / programs / 'python'
    for python in (installed, tools):
        session.run('python', '-m', 'venv', '--clear', str(python.parent.parent))
    wheels = [str(wheel) for wheel in _wheels(closure(PARTS, ['all']))]
    session.run(str(installed), '-m', 'pip', 'install', '-q', '-c', str(TORCH), *wheels, external=True)
    session.run(str(tools), '-m', 'pip', 'install', '-q', 'cyclonedx-bom>=7', external=True)
    session.run(str(tools), '-m', 'cyclonedx_py', 'environment', str(installed), '--output-reproducible', '-o',
                str(DIST / 'sbom.cdx.json'), external=True)


@nox.session
def release(session: nox.Session) -> None:
    """Make a release of one part, here and not yet anywhere else: `nox -s release -- config 0.13.0 [--dry-run]`."""
    session.install('towncrier>=24', 'packaging', 'tomli; python_version < "3.11"')
    session.run('python', str(TOOLS / 'release.py'), *session.posargs)


@nox.session
def support(session: nox.Session) -> None:
    """Write SUPPORT.md: which Pythons and libraries the last sessions ran with."""
    session.install('packaging', 'tomli; python_version < "3.11"')
    session.run('python', str(TOOLS / 'support.py'), str(REPORTS), str(ROOT / 'SUPPORT.md'))


@nox.session(venv_backend='none', requires=['everything'])
def private_use(session: nox.Session) -> None:
    """The digits example on a device that PyTorch does not know, which g++ builds in about a minute."""
    session.run(_of_everything(session, 'python'), '-m', 'pip', 'install', '-q', 'ninja', external=True)
    _pytest(session, ROOT / 'tests' / 'private_use', program=_of_everything(session, 'pytest'))


@nox.session(venv_backend='none', requires=['everything'])
def launch(session: nox.Session) -> None:
    """Ranks that `mmengine train --nproc` starts, on two nodes, through errors, losses and signals: ten minutes."""
    session.env.update(MMENGINE_TEST_LAUNCH='1', OMP_NUM_THREADS='1')
    _pytest(session, PARTS['engine'].tests / 'test_commands_launch.py', program=_of_everything(session, 'pytest'))


@nox.session(python=TORCH_PYTHON, requires=['build'])
def deepspeed(session: nox.Session) -> None:
    """Training through DeepSpeed on two and four CPU ranks beside one process; its operators are not compiled."""
    _install(session, closure(PARTS, ['engine']), *PARTS['engine'].test_requires, 'setuptools<81', 'wheel',
             'einops', 'hjson', 'msgpack', 'ninja', 'psutil', 'py-cpuinfo', 'pydantic>=2', 'tqdm')
    session.run('python', '-m', 'pip', 'install', '-q', '--no-deps', '--no-build-isolation', 'deepspeed>=0.19',
                env={'DS_BUILD_OPS': '0'})
    session.env['DS_ACCELERATOR'] = 'cpu'
    _pytest(session, PARTS['engine'].tests / 'test_strategy_deepspeed.py')


@nox.session(python=TORCH_PYTHON, requires=['build'])
def colossalai(session: nox.Session) -> None:
    """Training through the released ColossalAI, put beside a torch that it does not ask for; without its kernels."""
    _install(session, closure(PARTS, ['engine']), *PARTS['engine'].test_requires, *COLOSSALAI_NEEDS)
    folder, site = Path(session.create_tmp()), Path(session.create_tmp(), 'site')
    session.run('python', '-m', 'pip', 'install', '-q', '--no-deps', '--upgrade', '--target', str(site),
                'peft==0.13.2', 'transformers==4.51.3', 'accelerate==1.6.0', 'galore_torch', 'diffusers==0.29.0',
                'bitsandbytes')
    session.run('python', '-m', 'pip', 'download', '-q', '--no-deps', '-d', str(folder), 'colossalai==0.5.0')
    shutil.unpack_archive(folder / 'colossalai-0.5.0.tar.gz', folder)
    release = folder / 'colossalai-0.5.0'
    session.env.update(PYTHONPATH=os.pathsep.join([str(release), str(site)]), MMENGINE_COLOSSALAI=str(release))
    _pytest(session, PARTS['engine'].tests / 'test_strategy_colossalai.py')


@nox.session(venv_backend='none', requires=['everything'])
def seeds(session: nox.Session) -> None:
    """Every snippet of the documents in a folder, run and checked; `nox -s seeds -- FOLDER`, or MMENGINE_SEEDS."""
    usual = os.environ.get('MMENGINE_SEEDS', ROOT.parent / 'shared' / 'seeds')
    folder = Path(session.posargs[0] if session.posargs else usual).resolve()
    if not folder.is_dir():
        session.skip(f'no documents: {folder} is no folder. Name one: nox -s seeds -- FOLDER, or MMENGINE_SEEDS=FOLDER')
    here = ROOT / 'tests' / 'seeds'
    session.chdir(session.create_tmp())
    session.run(_of_everything(session, 'python'), '-m', 'pytest', '-q', '-c', str(ROOT / 'pyproject.toml'), str(here))
    session.run(_of_everything(session, 'python'), str(here / 'run.py'), str(folder), '--corpus', _corpus(session),
                *session.posargs[1:])


@nox.session(tags=['ci'])
def docs(session: nox.Session) -> None:
    """The documentation as a site in .nox/docs-site; a broken link or an unknown reference fails."""
    session.install('mkdocs>=1.6,<2', 'mkdocs-material>=9.7,<10', 'mkdocstrings[python]>=1.0,<2', 'packaging',
                    'ruff>=0.14',  # which formats the signatures
                    'tomli; python_version < "3.11"')
    session.run('mkdocs', *(session.posargs or ['build']), env={'NO_MKDOCS_2_WARNING': '1'})


@nox.session(python=TORCH_PYTHON, requires=['build'], venv_params=SEED)
def downstream(session: nox.Session) -> None:
    """Released libraries of the family on our parts; `-- --upstream` does the same on upstream and compares."""
    _install(session, closure(PARTS, ['dropin']))
    folder, listed = ROOT / '.nox' / 'libraries', ROOT / 'tests' / 'downstream' / 'requirements.txt'
    if not (folder / listed.name).exists() or (folder / listed.name).read_bytes() != listed.read_bytes():
        shutil.rmtree(folder, ignore_errors=True)
        session.run('python', '-m', 'pip', 'install', '-q', '--no-compile', '--no-deps', '--only-binary', ':all:',
                    '--target', str(folder), '-r', str(listed))
        shutil.copy(listed, folder)
    options = [o for option in session.posargs
               for o in ((option, _peer(session, 'upstream')) if option == '--upstream' else (option,))]
    session.chdir(session.create_tmp())
    session.run('python', str(listed.parent / 'run.py'), 'reports', *options,
                env={'PYTHONPATH': str(folder)})
