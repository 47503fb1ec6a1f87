"""What marked tests need and `make test` does not: a real redis-server (run here), and a browser."""

from __future__ import annotations

import importlib.util
import secrets
import shutil
import socket
import subprocess
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

__all__ = ["CHROMIUM", "missing_browser", "missing_service", "redis_server", "redis_url", "running_redis"]

CHROMIUM = Path("/usr/bin/chromium")
"""Where the distribution's package puts it."""

_ATTEMPTS = 5


def missing_service() -> str | None:
    """Name what the marked tests need and is not installed here, or None."""
    if shutil.which("redis-server") is None:
        return "redis-server"
    return _missing_package("redis", "distributed")


def missing_browser() -> str | None:
    """Name what the tests in a browser need and is not installed here, or None."""
    if not CHROMIUM.exists():
        return f"Chromium ({CHROMIUM})"
    return _missing_package("playwright", "starlette", "uvicorn")


def _missing_package(*names: str) -> str | None:
    return next((f"the Python package {name}" for name in names if importlib.util.find_spec(name) is None), None)


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run one redis-server for all tests; the value is its URL, password included."""
    with running_redis(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """Return the URL of a redis-server with an empty database."""
    import redis

    # The library leaves **kwargs untyped.
    with redis.Redis.from_url(redis_server) as client:  # pyright: ignore[reportUnknownMemberType] - as said above
        client.flushdb()  # pyright: ignore[reportUnknownMemberType]
    return redis_server


@contextmanager
def running_redis(folder: Path) -> Generator[str]:
    """Run a redis-server of one's own on a free loopback port."""
    password = secrets.token_hex(16)
    process, port = _started(folder, password)
    try:
        yield f"redis://:{password}@127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.communicate()


def _started(folder: Path, password: str) -> tuple[subprocess.Popen[str], int]:
    said = ""
    for _ in range(_ATTEMPTS):  # another process may take the port between the look and the start
        port = _free_port()
        settings = {"port": port, "bind": "127.0.0.1", "save": "", "requirepass": password, "dir": folder}
        arguments = [text for name, value in settings.items() for text in (f"--{name}", str(value))]
        process = subprocess.Popen(["redis-server", *arguments], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if "Ready to accept connections" in line:
                return process, port
        process.communicate()
    raise RuntimeError(f"redis-server does not start:\n{said}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
