"""Running the commands as a user does, each in a process, with the environment that leads it to a sandbox."""

from __future__ import annotations

import asyncio
import json
import os
import re
import stat
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.forking import Streams, ended, fork

COMMAND = (sys.executable, "-m", "checkout_async")
AUTHENTICATE = ("authenticate", "--fake-browser-data")
"""For requests without channel data, as most of the tests have them."""

PATIENCE = 300
"""Seconds after which what hangs is ended. No test waits for that."""


@dataclass
class Finished:
    code: int
    out: str
    err: str


def environment(base_url: str, **more: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CHECKOUT_")}
    return inherited | {
        "CHECKOUT_BASE_URL": base_url,
        "CHECKOUT_TOKEN_URL": f"{base_url}/connect/token",
        "CHECKOUT_CLIENT_ID": "ack_sandbox",
        "CHECKOUT_CLIENT_SECRET": "sandbox_secret",
        **more,
    }


async def start(*arguments: str | Path, env: Mapping[str, str]) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(*COMMAND, *arguments, env=env, stdin=pipe, stdout=pipe, stderr=pipe)


async def finish(process: asyncio.subprocess.Process, stdin: bytes | None = None) -> Finished:
    out, err = await asyncio.wait_for(process.communicate(stdin), timeout=PATIENCE)
    assert process.returncode is not None
    return Finished(process.returncode, (out or b"").decode(), (err or b"").decode())


async def run(*arguments: str | Path, env: Mapping[str, str], stdin: bytes = b"") -> Finished:
    """Run the command to its end in a fork of a prepared process."""
    with tempfile.TemporaryDirectory() as folder:
        streams = Streams(*(Path(folder, name) for name in ("stdout", "stderr", "stdin")))
        for path, content in zip(streams, (b"", b"", stdin), strict=True):
            path.write_bytes(content)
        code = await asyncio.wait_for(ended(fork(arguments, env, streams)), timeout=PATIENCE)
        return Finished(code, streams.stdout.read_text(), streams.stderr.read_text())


async def said(process: asyncio.subprocess.Process, text: str) -> None:
    """Wait until a line of its messages contains a text."""
    assert process.stderr is not None
    while text.encode() not in (line := await asyncio.wait_for(process.stderr.readline(), timeout=PATIENCE)):
        assert line, f"it ended without having said: {text}"


@contextmanager
def sandbox_process(*options: str | Path) -> Generator[str]:
    """Run the simulator's command on a free port in a process of its own, and give its address."""
    with tempfile.TemporaryDirectory() as folder:
        streams = Streams(Path(folder, "stdout"), Path(folder, "stderr"))
        process = fork(["sandbox", "--port", "0", *options], environment(""), streams)
        try:
            while not (address := re.search("^export CHECKOUT_BASE_URL=(.+)$", _written(streams.stdout), re.MULTILINE)):
                assert process.is_alive(), _written(streams.stderr)
                time.sleep(0.01)
            yield address[1]
        finally:
            process.terminate()
            process.join()


def _written(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def write_lines(path: Path, requests: Sequence[Mapping[str, object] | str]) -> Path:
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in requests))
    return path


def text_of(path: Path) -> str:
    return path.read_text()


def is_there(path: Path) -> bool:
    return path.exists()


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def link(path: Path, to: Path) -> Path:
    path.symlink_to(to)
    return path


def results_in(text: str) -> dict[int, dict[str, Any]]:
    """The results by line number; every line must have only one."""
    results = [json.loads(line) for line in text.splitlines()]
    by_line = {result["line"]: result for result in results}
    assert len(by_line) == len(results)
    return by_line


@asynccontextmanager
async def silent_api() -> AsyncGenerator[tuple[str, list[web.Request]]]:
    """An API that gives tokens and never answers a session request; gives its URL and what arrived."""
    arrived: list[web.Request] = []

    async def token(_request: web.Request) -> web.Response:
        return web.json_response({"access_token": "t", "expires_in": 3600, "token_type": "Bearer"})

    async def sessions(request: web.Request) -> web.Response:
        arrived.append(request)
        await asyncio.Event().wait()
        raise AssertionError

    app = web.Application()
    app.add_routes([web.post("/connect/token", token), web.post("/sessions", sessions)])
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", arrived
    finally:
        await runner.cleanup()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.01)


async def read_exports(process: asyncio.subprocess.Process) -> dict[str, str]:
    assert process.stdout is not None
    exports: dict[str, str] = {}
    while "CHECKOUT_SCOPES" not in exports:
        line = (await asyncio.wait_for(process.stdout.readline(), timeout=PATIENCE)).decode()
        assert line, "the sandbox ended"
        if line.startswith("export "):
            name, _, value = line.removeprefix("export ").strip().partition("=")
            exports[name] = value.strip("'")
    return exports
