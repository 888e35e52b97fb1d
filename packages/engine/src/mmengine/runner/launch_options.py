"""The options that let a command start the ranks of a distributed run, and their checks."""
from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from mmengine.config.commands import Refused
from mmengine.device import get_device
from mmengine.utils.suggest import did_you_mean

_F = TypeVar('_F', bound=Callable[..., Any])
_NEED_NPROC = ('nnodes', 'node_rank', 'rdzv_backend', 'rdzv_endpoint', 'rdzv_id', 'local_addr', 'max_restarts')


@dataclass(frozen=True)
class Launch:
    """What starts the ranks of a run on this node.

    Args:
        nproc: Ranks on this node.
        nnodes: Nodes in all.
        node_rank: Number of this node, for the static rendezvous, which does not find it out.
        rdzv_backend: How the nodes find each other.
        rdzv_endpoint: Where they do.
        rdzv_id: Name that all nodes of one run share; None for one that is drawn.
        local_addr: Address of this node for the others; None for its name.
        max_restarts: How often the ranks are started again after one of them was lost.
    """

    nproc: int
    nnodes: int = 1
    node_rank: int = 0
    rdzv_backend: str = 'c10d'
    rdzv_endpoint: str = 'localhost:0'
    rdzv_id: str | None = None
    local_addr: str | None = None
    max_restarts: int = 0


def launch_options(command: _F) -> _F:
    """Add the options of a launch to a command."""
    for option in (
        click.option('--max-restarts', type=click.IntRange(0), metavar='N', help='Start all ranks again when one is '
                     'lost, from the last checkpoint of this launch; at most N times.'),
        click.option('--local-addr', metavar='HOST', help='Address of this node for the others, where its name does '
                     'not lead to it.'),
        click.option('--rdzv-id', metavar='NAME', help='Name of the run, the same on all nodes.'),
        click.option('--rdzv-endpoint', metavar='HOST:PORT', help='Where the nodes meet: the same on all of them, a '
                     'free port of one of them.'),
        click.option('--rdzv-backend', metavar='NAME', help='How the nodes find each other: c10d (the default), '
                     'static, etcd, etcd-v2 or one that a package adds.'),
        click.option('--node-rank', type=click.IntRange(0), metavar='N', help='Number of this node, with '
                     '--rdzv-backend static only.'),
        click.option('--nnodes', type=click.IntRange(1), metavar='N', help='Nodes; the command is started on each.'),
        click.option('--nproc', metavar='N|auto', help='Start N ranks on this node; auto: one on each accelerator, or '
                     'on each core of a machine without any.'),
    ):
        command = option(command)
    return command


def take_launch(given: dict[str, Any], launcher: str | None) -> Launch | None:
    """Take the launch options off the arguments of a command, and check them.

    Args:
        given: The arguments by name, which lose those of the launch.
        launcher: What the user says to start the ranks.

    Returns:
        The launch, or None if the command is to run in this process.

    Raises:
        Refused: The options do not fit together, or this machine.
    """
    nproc = given.pop('nproc')
    options = {name: given.pop(name) for name in _NEED_NPROC}
    options = {name: value for name, value in options.items() if value is not None}
    if nproc is None:
        if options:
            name = next(iter(options)).replace('_', '-')
            raise Refused(f'--{name} needs --nproc, the number of ranks to start on this node')
        return None
    if launcher not in (None, 'pytorch'):
        raise Refused(f'--nproc starts the ranks, and so does --launcher {launcher}: give only one of them')
    if 'RANK' in os.environ and 'WORLD_SIZE' in os.environ:
        raise Refused(f'--nproc starts ranks, but this is rank {os.environ["RANK"]} of {os.environ["WORLD_SIZE"]} of '
                      f'another launcher already (RANK and WORLD_SIZE are set): leave --nproc out, or unset them')
    launch = Launch(_number_of_ranks(nproc), **options)
    _check_rendezvous(launch, options)
    return launch


def _number_of_ranks(nproc: str) -> int:
    kind, found = _accelerators()
    if nproc == 'auto':
        return found or _cores()
    try:
        number = int(nproc)
    except ValueError:
        number = 0
    if number < 1:
        raise Refused(f'--nproc should be a number of ranks, 1 or more, or auto, but got {nproc!r}')
    if found and number > found:
        raise Refused(f'--nproc {number}: there are only {found} devices of type {kind!r} here, and each rank needs '
                      f'one of its own; give --nproc {found} or --nproc auto')
    return number


def _accelerators() -> tuple[str, int]:
    """Give the type of the device that ranks would train on, and how many there are; none for the CPU."""
    import torch  # here: the other commands do not need it
    kind = get_device()
    return (kind, 0) if kind in ('cpu', 'mps') else (kind, torch.accelerator.device_count())


def _cores() -> int:
    own: Any = os  # what the process may use is known on Linux only
    return len(own.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1


def _check_rendezvous(launch: Launch, given: dict[str, Any]) -> None:
    from torch.distributed.elastic.rendezvous import rendezvous_handler_registry  # with those that packages add
    known = sorted(rendezvous_handler_registry._registry)
    name = launch.rdzv_backend
    if name not in known:
        raise Refused(f'--rdzv-backend: there is no rendezvous {name!r}.{did_you_mean(name, known)} There are '
                      f'{", ".join(known)}')
    if 'node_rank' in given and name != 'static':
        raise Refused(f'--node-rank is for --rdzv-backend static; with {name} the nodes are numbered as they come')
    if 'rdzv_endpoint' not in given and (launch.nnodes > 1 or name != 'c10d'):
        raise Refused('--rdzv-endpoint is missing: HOST:PORT where the nodes meet, the same on all of them')
    if name == 'static':
        _check_static(launch)
    elif launch.nnodes > 1 and launch.rdzv_id is None:
        raise Refused('--rdzv-id is missing: a name of this run, the same on all nodes, for example the number of the '
                      'job')


def _check_static(launch: Launch) -> None:
    if launch.max_restarts:
        raise Refused('--max-restarts needs nodes that can meet again: --rdzv-backend c10d')
    if launch.node_rank >= launch.nnodes:
        raise Refused(f'--node-rank {launch.node_rank}: the nodes are numbered from 0 to {launch.nnodes - 1} with '
                      f'--nnodes {launch.nnodes}')
    if not launch.rdzv_endpoint.rpartition(':')[2].isdigit():
        raise Refused(f'--rdzv-endpoint {launch.rdzv_endpoint}: the static rendezvous needs HOST:PORT')
