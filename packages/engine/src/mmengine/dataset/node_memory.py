"""Memory that all processes of one node hold once: a block of bytes that is found by its content.

The first process that has a block puts it into a sealed memory file and listens on a socket whose abstract name is made
of the content's hash; it never answers. Whoever comes with the same bytes connects, is told by the kernel who listens,
opens that process's file, compares every byte with its own, and drops its own. So nothing can be mixed up, nobody waits
for anybody, and no name is left behind however a process ends: the kernel takes file and socket away with their users.
A memory file is no file of /dev/shm and not bound to its size.
"""
from __future__ import annotations

import ctypes
import errno
import hashlib
import logging
import mmap
import os
import socket
import struct
import sys
import time
import weakref
from collections.abc import Callable, Sequence
from multiprocessing import context, reduction
from typing import Any

import numpy as np

from mmengine.logging import print_log

if sys.platform != 'win32':
    import fcntl

Array = np.ndarray[Any, Any]
Bytes = np.ndarray[Any, np.dtype[np.uint8]]
Addresses = np.ndarray[Any, np.dtype[np.int64]]

#: What is smaller is not worth two file descriptors.
SMALLEST = 1 << 20
_CHUNK = 1 << 22
_CLOSE_ON_EXEC, _ALLOW_SEALING = 1, 2  # as in Linux's headers
_ADD_SEALS, _ALL_SEALS = 1033, 0b1111
_blocks: weakref.WeakValueDictionary[str, Block] = weakref.WeakValueDictionary()
_told = False


class Block(mmap.mmap):
    """A sealed memory file as this process sees it; arrays over it keep it alive."""

    key: str
    fd: int

    @classmethod
    def of(cls, key: str, fd: int) -> Block:
        """Map a file, and take it over."""
        try:
            block = cls(fd, os.fstat(fd).st_size, flags=mmap.MAP_SHARED, prot=mmap.PROT_READ)
        except OSError:
            os.close(fd)
            raise
        block.key, block.fd = key, fd
        _at_end(block, os.close, fd)
        return block

    def __reduce__(self) -> Any:
        """Hand the open file to a process that is being started; arrays over one block hand it over once."""
        return _received, (self.key, reduction.DupFd(self.fd))

    @property
    def address(self) -> int:
        """Where it lies in this process."""
        return _address(np.frombuffer(self, np.uint8))

    def holds(self, parts: Sequence[Array]) -> bool:
        """Tell whether it is these parts, one after the other."""
        if len(self) != sum(part.nbytes for part in parts):
            return False
        at = 0
        for chunk in _chunks(parts):
            if self[at:at + len(chunk)] != bytes(chunk):
                return False
            at += len(chunk)
        return True


class SharedArray(np.ndarray[Any, Any]):
    """An array over a block, or a piece of one: read only, not copied by `deepcopy` nor for a process to be started."""

    def __deepcopy__(self, memo: dict[int, Any] | None, /) -> Array:
        return self if _block_of(self) is not None else np.array(self)

    def __reduce_ex__(self, protocol: Any) -> Any:
        block = _block_of(self)
        if block is None or context.get_spawning_popen() is None:  # to a file or queue: as plain as any array
            return np.asarray(self).__reduce_ex__(protocol)
        return _array, (block, self.dtype, self.shape, _address(self) - block.address)


def hold_once(data: Bytes, addresses: Addresses) -> tuple[Bytes, Addresses]:
    """Put annotations where all processes of this node that have the same ones share them.

    Args:
        data: The annotations; not changed any more.
        addresses: Where each ends; not changed any more.

    Returns:
        Equal arrays that can only be read; the given ones where they are small, the system has no memory files (it is
        not Linux) or none could be made, which is said once.
    """
    parts = (addresses, data)  # in this order both are aligned
    if data.nbytes + addresses.nbytes < SMALLEST or sys.platform != 'linux':
        return data, addresses
    try:
        block = _find_or_make(_hash(parts), parts)
    except OSError as error:
        _tell(f'Each process of this node keeps annotations of its own, because no memory could be shared ({error}): '
              f'raise the limits on open files and memory, or expect their size once per process')
        return data, addresses
    return (_array(block, data.dtype, data.shape, addresses.nbytes),
            _array(block, addresses.dtype, addresses.shape, 0))


def _find_or_make(key: str, parts: Sequence[Array]) -> Block:
    known, made = _blocks.get(key), None
    if known is not None and known.holds(parts):
        return known
    for name in _socket_names(key):  # a name may be taken by what a killed process left running, or by a stranger
        pid = _listener(name)
        if pid is None:
            made = made or Block.of(key, _memory_file(key, parts))
            server = _listen(name)
            if server is not None:
                _at_end(made, server.close)
                break
            pid = _listener(name, patience=1.0)  # another process was quicker
        known = _block_of_process(pid, key)
        if known is not None and known.holds(parts):
            made = known
            break
    _blocks[key] = made = made or Block.of(key, _memory_file(key, parts))
    return made


def _memory_file(key: str, parts: Sequence[Array]) -> int:
    """Write parts into a memory file that nobody can change afterwards; it is open for reading only."""
    writable = _create(_file_name(key))
    try:
        for chunk in _chunks(parts):  # writing, other than storing into a mapping, fails with an error and no signal
            view = memoryview(chunk)
            while view:
                view = view[os.write(writable, view):]
        fcntl.fcntl(writable, _ADD_SEALS, _ALL_SEALS)
        return os.open(f'/proc/self/fd/{writable}', os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(writable)


def _create(name: str) -> int:
    """Create a memory file; `os.memfd_create` is not there in Pythons that were built to run on old systems as well."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, 'memfd_create'):
        raise OSError(errno.ENOSYS, 'this system has no memory files')
    file: int = libc.memfd_create(name.encode(), _CLOSE_ON_EXEC | _ALLOW_SEALING)
    if file < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return file


def _listen(name: str) -> socket.socket | None:
    """Be the process that others find the block at; None if there is one."""
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        server.bind(name)
        server.listen(socket.SOMAXCONN)
    except OSError:
        server.close()
        return None
    return server


def _listener(name: str, patience: float = 0.0) -> int | None:
    """Ask the kernel which process listens.

    Args:
        name: Name of the socket.
        patience: Seconds to wait for a process that has the name, and is just about to listen.

    Returns:
        Its number: 0 if it is of another user, or in a container that this one does not see; None if there is none.
    """
    facts = struct.Struct('3i')
    end = time.monotonic() + patience
    while True:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.setblocking(False)
            try:
                client.connect(name)
                pid, user, _ = facts.unpack(client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, facts.size))
                return pid if user == os.getuid() else 0
            except BlockingIOError:  # it was asked some thousand times
                return 0
            except ConnectionRefusedError:
                if time.monotonic() >= end:
                    return None
        time.sleep(0.005)


def _block_of_process(pid: int | None, key: str) -> Block | None:
    """Map the block that another process has open."""
    if not pid:
        return None
    folder = f'/proc/{pid}/fd'
    try:
        for name in os.listdir(folder):
            if os.readlink(f'{folder}/{name}') == f'/memfd:{_file_name(key)} (deleted)':
                return Block.of(key, os.open(f'{folder}/{name}', os.O_RDONLY | os.O_CLOEXEC))
    except OSError:  # it has ended, or may not be looked into
        pass
    return None


def _received(key: str, handle: Any) -> Block:
    block = _blocks.get(key)
    if block is None:
        block = _blocks[key] = Block.of(key, handle.detach())
    return block


def _array(block: Block, dtype: np.dtype[Any], shape: tuple[int, ...], offset: int) -> Array:
    return np.frombuffer(block, dtype, shape[0], offset).view(SharedArray)


def _block_of(array: Array) -> Block | None:
    if not array.flags.c_contiguous or array.ndim != 1:
        return None
    begin = _address(array)
    return next((block for block in list(_blocks.values())
                 if block.address <= begin and begin + array.nbytes <= block.address + len(block)), None)


def _address(array: Array) -> int:
    address: int = array.__array_interface__['data'][0]
    return address


def _chunks(parts: Sequence[Array]) -> list[memoryview]:
    whole = [part.view(np.uint8).data for part in parts]
    return [view[at:at + _CHUNK] for view in whole for at in range(0, len(view), _CHUNK)]


def _file_name(key: str) -> str:
    return f'mmengine-annotations-{key}'


def _socket_names(key: str) -> list[str]:
    return [f'\0mmengine-annotations-{os.getuid()}-{key}-{number}' for number in range(4)]


def _hash(parts: Sequence[Array]) -> str:
    digest = hashlib.blake2b(repr([(part.dtype.str, part.shape) for part in parts]).encode(), digest_size=16)
    for chunk in _chunks(parts):
        digest.update(chunk)
    return digest.hexdigest()


def _at_end(block: Block, close: Callable[..., Any], *arguments: Any) -> None:
    # At the end of the process the kernel does it; only a block that goes before needs to be cleared away.
    weakref.finalize(block, close, *arguments).atexit = False


def _tell(message: str) -> None:
    global _told
    if not _told:
        _told = True
        print_log(message, logger='current', level=logging.WARNING)
