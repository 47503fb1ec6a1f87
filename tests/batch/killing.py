"""Running the command in processes that are killed; a prepared process starts them, so a hundred are affordable."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

__all__ = ["kill_when", "run_to_its_end", "started"]

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["checkout_async.cli", "checkout_async.batch.results.file"])


def _run(arguments: Sequence[str], env: Mapping[str, str], log: Path) -> None:
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.environ.update(env)

    from checkout_async.cli import cli

    cli(list(arguments), prog_name="checkout-async")


def started(arguments: Sequence[str | Path], env: Mapping[str, str], log: Path) -> BaseProcess:
    """Start the command in a process of its own; what it says is added to `log`."""
    process = _context.Process(target=_run, args=([str(each) for each in arguments], dict(env), log))
    process.start()
    return process


async def kill_when(process: BaseProcess, condition: Callable[[], bool]) -> bool:
    """Send SIGKILL as soon as the condition holds; False if the process had ended before."""
    while process.is_alive() and not condition():
        await asyncio.sleep(0.001)
    process.kill()
    return await _ended(process) == -9


async def run_to_its_end(arguments: Sequence[str | Path], env: Mapping[str, str], log: Path) -> int:
    """Run the command and return its exit code."""
    return await _ended(started(arguments, env, log))


async def _ended(process: BaseProcess) -> int:
    while process.is_alive():
        await asyncio.sleep(0.001)
    process.join()
    assert process.exitcode is not None
    return process.exitcode
