"""Runs the arq worker of docs/workers.md with real arq and a real redis-server, against the simulator.

arq needs a version of redis-py that the extra `redis` excludes, so `make try-arq` gives it an environment of its own.
The same payment is queued twice under one idempotency key, as a queue does that runs a job again. The script fails
unless two workers, one after the other, return the same payment, and the API made one.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from arq import create_pool
from arq.connections import RedisSettings

from checkout_async.sandbox import SECRET_KEY, Sandbox
from tests.documents import named_files

ROOT = Path(__file__).resolve().parent.parent
ORDER = {
    "source": {"type": "token", "token": "tok_4gzeau5o2uqubbk6fufs3m7p54"},  # arq logs it
    "amount": 1999,
    "currency": "GBP",
}
SETTINGS = """
import os
from arq.connections import RedisSettings
from worker import WorkerSettings

# Not in a subclass: arq reads the attributes of the class itself.
WorkerSettings.redis_settings = RedisSettings(port=int(os.environ["REDIS_PORT"]))
"""


@contextmanager
def redis_server(folder: str) -> Generator[int]:
    """Run a redis-server and give its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    command = ["redis-server", "--port", str(port), "--dir", folder, "--save", ""]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield port
    finally:
        process.terminate()
        process.wait()


async def work(folder: str, environment: dict[str, str]) -> None:
    """Run arq's own command until the queue is empty."""
    command = [sys.executable, "-m", "arq", "settings.WorkerSettings", "--burst"]
    process = await asyncio.create_subprocess_exec(*command, cwd=folder, env={**os.environ, **environment})
    if code := await process.wait():
        raise SystemExit(f"arq ended with {code}")


async def pay_twice(folder: str, port: int) -> None:
    """Queue a payment twice, and have each job done by a worker of its own."""
    async with Sandbox() as sandbox:
        key = {"CHECKOUT_BASE_URL": sandbox.base_url, "CHECKOUT_SECRET_KEY": SECRET_KEY}
        queue = await create_pool(RedisSettings(port=port, conn_retries=50, conn_retry_delay=0))
        paid: list[Any] = []
        for _ in range(2):
            job = await queue.enqueue_job("pay", ORDER, "the key of the order")
            assert job is not None, "the queue has a job of this id"
            await work(folder, {**key, "REDIS_PORT": str(port)})
            paid.append(await job.result(timeout=5))
        await queue.aclose()
        asked, made = sandbox.count("request_payment"), len(sandbox.payments)
    print(f"two workers returned {paid}; the API got {asked} requests and made {made} payment")
    if len({*paid}) != 1 or (asked, made) != (2, 1):
        raise SystemExit("two jobs with one key are not one payment")


def main() -> None:
    """Write the recipe where arq can import it, and run it."""
    with tempfile.TemporaryDirectory() as folder, redis_server(folder) as port:
        Path(folder, "worker.py").write_text(named_files(ROOT / "docs" / "workers.md")["worker.py"], encoding="utf-8")
        Path(folder, "settings.py").write_text(SETTINGS, encoding="utf-8")
        asyncio.run(pay_twice(folder, port))


if __name__ == "__main__":
    main()
