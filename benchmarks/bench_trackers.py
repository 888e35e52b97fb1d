"""What recording a number costs the training thread: `bench_trackers.py [--upstream PYTHON]`, beside upstream.

Between two calls the thread multiplies matrices, as a training does. Every tracker runs offline, in a process and a
folder of its own. A tracker whose client is not installed is left out. Upstream's backends get the clients of
this environment.
"""
from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

#: Client, settings of the backend, and variables that keep the client at home.
TRACKERS: dict[str, tuple[str, dict[str, Any], dict[str, str]]] = {
    'Local': ('', {}, {}),
    'Tensorboard': ('tensorboard', {}, {}),
    'Wandb': ('wandb', {'init_kwargs': {'mode': 'offline', 'project': 'bench'}},
              {'WANDB_MODE': 'offline', 'WANDB_SILENT': 'true', 'WANDB_ERROR_REPORTING': 'false'}),
    'Swanlab': ('swanlab', {'init_kwargs': {'mode': 'offline'}}, {'SWANLAB_MODE': 'offline'}),
    'MLflow': ('mlflow', {'tracking_uri': 'sqlite:///{folder}/mlflow.db'}, {'MLFLOW_DISABLE_TELEMETRY': 'true'}),
    'ClearML': ('clearml', {}, {'CLEARML_OFFLINE_MODE': '1', 'CLEARML_NO_DEFAULT_SERVER': '1',
                                'CLEARML_CACHE_DIR': '{folder}'}),
    'Neptune': ('neptune', {'init_kwargs': {'mode': 'offline'}}, {}),
    'DVCLive': ('dvclive', {}, {'DVC_NO_ANALYTICS': 'true', 'DVC_STUDIO_OFFLINE': 'true'}),
    'Aim': ('aim', {}, {'AIM_ANALYTICS_OPT_OUT': '1'}),
}
METHODS = ('add_scalar', 'add_scalars')


def paced(call: Callable[[int], None], count: int) -> list[float]:
    """Give the microseconds of each call, between matrix products that leave the interpreter to other threads."""
    import numpy as np

    matrix, taken = np.ones((200, 200), np.float32), []
    for step in range(count):
        matrix @ matrix
        begin = time.perf_counter()
        call(step)
        taken.append((time.perf_counter() - begin) * 1e6)
    return sorted(taken)


def measure(tracker: str, count: int, clients: str | None) -> dict[str, list[float]]:
    """Record to one tracker, whose client may come from another environment; gives median and mean of each method."""
    if clients:
        sys.path.append(clients)  # behind the environment's own, so that its mmengine is the one that is measured
    from mmengine.visualization import Visualizer

    folder = os.getcwd()
    _, settings, _ = TRACKERS[tracker]
    settings = json.loads(json.dumps(settings).replace('{folder}', folder))
    visualizer = Visualizer(vis_backends=[{'type': f'{tracker}VisBackend', **settings}], save_dir=folder)
    visualizer.add_scalar('start', 0.0, 0)  # by which it is started
    visualizer.get_backend(f'{tracker}VisBackend')
    values = {f'v{index}': 0.5 for index in range(5)}
    calls = {'add_scalar': lambda step: visualizer.add_scalar('loss', 0.5, step),
             'add_scalars': lambda step: visualizer.add_scalars(values, step)}
    found = {}
    for method, call in calls.items():
        taken = paced(call, count)
        found[method] = [taken[count // 2], sum(taken) / count]
    print(json.dumps(found), flush=True)
    visualizer.close()
    return found


def run(python: str, tracker: str, count: int, clients: str | None = None) -> dict[str, list[float]] | None:
    """Measure in a process of its own; None if it did not come to its end."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        variables = {name: value.replace('{folder}', folder) for name, value in TRACKERS[tracker][2].items()}
        command = [python, os.path.abspath(__file__), '--one', tracker, '--count', str(count)]
        done = subprocess.run(command + (['--clients', clients] if clients else []), cwd=folder,
                              env={**os.environ, 'HOME': folder, 'OMP_NUM_THREADS': '1', 'OPENBLAS_NUM_THREADS': '1',
                                   **variables}, capture_output=True, text=True, timeout=600)
    lines = [line for line in done.stdout.splitlines() if line.startswith('{"add_scalar"')]
    return json.loads(lines[-1]) if lines else None


def best_run(python: str, tracker: str, count: int, times: int,
             clients: str | None) -> dict[str, list[float]] | None:
    """Give the least disturbed of several runs for each method: other programs make a run slower, and none quicker."""
    runs = [found for _ in range(times) if (found := run(python, tracker, count, clients))]
    return {method: min(found[method] for found in runs) for method in METHODS} if runs else None


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--upstream', help='the Python of an environment with the mmengine to compare with')
    parser.add_argument('--trackers', nargs='+', choices=list(TRACKERS), default=list(TRACKERS))
    parser.add_argument('--count', type=int, default=1000, help='calls of each method')
    parser.add_argument('--times', type=int, default=3, help='the run with the least median counts, of so many')
    parser.add_argument('--clients', help=argparse.SUPPRESS)
    parser.add_argument('--one', choices=list(TRACKERS), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        measure(args.one, args.count, args.clients)
        return
    pythons = {'ours': sys.executable, **({'upstream': args.upstream} if args.upstream else {})}
    print(f'microseconds of the training thread per call, median (mean) of {args.count} in the least disturbed of '
          f'{args.times} runs; add_scalars has 5 numbers')
    print(f'{"":12}' + ''.join(f'{f"{library} {method}":>26}' for method in METHODS for library in pythons)
          + ('   median, ours / upstream' if args.upstream else ''))
    for tracker in args.trackers:
        if TRACKERS[tracker][0] and find_spec(TRACKERS[tracker][0]) is None:
            print(f'{tracker:12}{"not installed":>26}')
            continue
        found = {library: best_run(python, tracker, args.count, args.times,
                                   _client_folder(tracker) if library == 'upstream' else None)
                 for library, python in pythons.items()}
        cells = [_cell(result and result[method]) for method in METHODS for result in found.values()]
        ours, upstream = found['ours'], found.get('upstream')
        ratios = [f'{ours[method][0] / upstream[method][0]:12.3f}' for method in METHODS] if ours and upstream else []
        print(f'{tracker:12}' + ''.join(cells) + ''.join(ratios), flush=True)


def _client_folder(tracker: str) -> str | None:
    """Give the folder of this environment that a client is in, for an environment that has only its own mmengine."""
    spec = find_spec(TRACKERS[tracker][0]) if TRACKERS[tracker][0] else None
    return os.path.dirname(os.path.dirname(spec.origin)) if spec is not None and spec.origin else None


def _cell(pair: list[float] | None) -> str:
    return f'{"failed":>26}' if pair is None else f'{f"{pair[0]:.1f} ({pair[1]:.1f})":>26}'


if __name__ == '__main__':
    main()
