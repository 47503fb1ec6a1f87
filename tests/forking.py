"""Running the command, or a function, in forks of a process that has imported the package already.

A run of the command takes some 60 ms of CPU in place of the 430 ms of `python -m checkout_async`.
`tests.commands.start` still starts real processes, for tests of signals, closed streams and uncaught errors.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import NamedTuple

__all__ = ["Streams", "ended", "fork", "fork_worker", "heard", "kill_when", "prepare"]

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.prepared"])


def prepare() -> None:
    """Start the process that forks, so that Dask's workers are its forks too: Dask would choose what it imports."""
    forkserver.ensure_running()


class Streams(NamedTuple):
    """The files that stand for the standard streams; output is appended. Without `stdin` there is no input."""

    stdout: Path
    stderr: Path
    stdin: Path = Path(os.devnull)


def fork(arguments: Sequence[str | Path], env: Mapping[str, str], streams: Streams) -> BaseProcess:
    """Start the command in a process of its own; its environment is `env` alone."""
    process = _context.Process(target=_run, args=([str(each) for each in arguments], dict(env), streams))
    process.start()
    return process


def fork_worker(work: Callable[..., None], *arguments: str) -> tuple[BaseProcess, Connection]:
    """Call a function with a connection and arguments in a process of its own; return the connection's other end.

    The function's module should import little that `tests.prepared` does not.
    """
    near, far = _context.Pipe()
    process = _context.Process(target=work, args=(far, *arguments))
    process.start()
    far.close()  # so that the end of the process is the end of the connection
    return process, near


async def ended(process: BaseProcess) -> int:
    """Wait for a process and return its exit code."""
    await _readable(process.sentinel)
    process.join()
    assert process.exitcode is not None
    return process.exitcode


async def heard(connection: Connection) -> str:
    """Wait for the next word of a worker."""
    await _readable(connection.fileno())
    word: str = connection.recv()
    return word


async def kill_when(process: BaseProcess, condition: Callable[[], bool]) -> bool:
    """Send SIGKILL as soon as the condition holds; False if the process had ended before."""
    while process.is_alive() and not condition():
        await asyncio.sleep(0.001)
    process.kill()
    return await ended(process) == -signal.SIGKILL


async def _readable(descriptor: int) -> None:
    loop, is_readable = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(descriptor, is_readable.set)
    try:
        await is_readable.wait()
    finally:
        loop.remove_reader(descriptor)


def _run(arguments: Sequence[str], env: Mapping[str, str], streams: Streams) -> None:
    os.dup2(os.open(streams.stdin, os.O_RDONLY), 0)
    sys.stdin = os.fdopen(0, closefd=False)  # multiprocessing has replaced the stream by one of /dev/null
    for number, path in ((1, streams.stdout), (2, streams.stderr)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    os.environ.clear()
    os.environ.update(env)

    from checkout_async.cli import cli

    cli(list(arguments), prog_name="checkout-async")
