"""Runs the recipes of docs/cluster.md on real Spark and Ray against the simulator, and kills a worker of each.

It fails unless every record has a row, in the order of the input, and none was sent twice.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from checkout_async.batch import FAKE_BROWSER_DATA
from checkout_async.sandbox import Sandbox
from checkout_async.sandbox.http.faults import Behaviour

ROOT = Path(__file__).resolve().parent.parent
GUIDE = ROOT / "docs" / "cluster.md"
RECORDS = 2000
PARTITIONS = 8
KILL_AT = 300
"""The session request during which a worker is killed."""


class KillOneWorker(Behaviour):
    """Kills the process that has a partition's journal open, while this request and others are in flight."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.killed = 0

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Process the request, kill the worker, and reply."""
        reply = await handler(request)
        self.killed = next(_processes_with_journals(self._folder))
        os.kill(self.killed, signal.SIGKILL)
        return reply


def _processes_with_journals(folder: Path) -> Generator[int]:
    for entry in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            if entry.readlink().match(f"{folder}/part-*.journal"):
                yield int(entry.parts[2])


@contextmanager
def simulator(fault: Behaviour) -> Generator[Sandbox]:
    """Run the simulator in a thread, with the environment that leads clients to it."""
    started, done = threading.Event(), threading.Event()
    running: list[Sandbox] = []

    async def serve() -> None:
        async with Sandbox() as sandbox:
            sandbox.faults.add("request_session", fault, at=KILL_AT, times=1)
            running.append(sandbox)
            started.set()
            await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    started.wait()
    [sandbox] = running
    os.environ |= {
        "CHECKOUT_BASE_URL": sandbox.base_url,
        "CHECKOUT_TOKEN_URL": sandbox.token_url,
        "CHECKOUT_CLIENT_ID": "ack_sandbox",
        "CHECKOUT_CLIENT_SECRET": "sandbox_secret",
        "CHECKOUT_SCOPES": "sessions:browser sessions:app",
    }
    try:
        yield sandbox
    finally:
        done.set()
        thread.join()


@contextmanager
def on_spark() -> Generator[dict[str, Any]]:
    """Give a Spark session whose tasks run in processes of their own, and are tried up to four times."""
    from pyspark.sql import SparkSession  # noqa: PLC0415 - each engine is needed by itself

    os.environ["PYSPARK_PYTHON"] = sys.executable
    quiet = {"spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false"}
    spark = SparkSession.builder.master("local[4,4]").config(map=quiet).getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    print(f"Spark {spark.version}, {spark.sparkContext.master}")
    try:
        yield {"spark": spark}
    finally:
        spark.stop()


@contextmanager
def on_ray() -> Generator[dict[str, Any]]:
    """Start Ray on this machine with four workers."""
    import ray  # noqa: PLC0415 - as above

    os.environ["RAY_AUTH_MODE"] = "disabled"  # otherwise a token is stored in the home folder
    ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False)
    print(f"Ray {ray.__version__}, {ray.available_resources().get('CPU'):.0f} workers")
    try:
        yield {}
    finally:
        ray.shutdown()


ENGINES: dict[str, Callable[[], Any]] = {"Spark": on_spark, "Ray": on_ray}


def recipe(engine: str, folder: Path) -> str:
    """Return the code that the guide gives for an engine, for the files in a folder."""
    section = GUIDE.read_text(encoding="utf-8").split(f"## {engine}\n", 1)[1]
    found = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert found is not None
    return found[1].replace('"shared"', f'"{folder}"').replace("(paths, 64,", f"(paths, {PARTITIONS},")


def write_input(path: Path) -> None:
    """Write requests with channel data, so that none needs more than the recipe's settings."""
    request = {
        "source": {"type": "card", "number": "4485040371536584", "expiry_month": 1, "expiry_year": 2035},
        "amount": 100,
        "currency": "GBP",
        "completion": {"type": "non_hosted"},
        "channel_data": msgspec.to_builtins(FAKE_BROWSER_DATA),
    }
    lines = (json.dumps(request | {"reference": f"order-{number}"}) for number in range(1, RECORDS + 1))
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")


def try_engine(engine: str) -> None:
    """Run the recipe of an engine. Raises AssertionError if a promise is broken."""
    with tempfile.TemporaryDirectory(prefix="engines-") as name:
        folder = Path(name).resolve()
        write_input(folder / "cards.jsonl")
        results_file = folder / f"results-{engine.lower()}.jsonl"
        fault = KillOneWorker(results_file.with_name(f"{results_file.name}.parts"))
        with simulator(fault) as sandbox, ENGINES[engine]() as names:
            began = time.monotonic()
            exec(compile(recipe(engine, folder), GUIDE.name, "exec"), names)  # noqa: S102 - our own guide
            seconds = time.monotonic() - began
            report, results = names["report"], names["results"]
            print(f"killed worker {fault.killed} at session request {KILL_AT}")
            print(f"{len(results)} partitions, records of each: {[result.done for result in results]}")
            print(f"report: {report.records} records in {seconds:.1f} s, {_counts(report.results)}")
            sent = Counter(sandbox.sessions[each].reference for each in sandbox.sessions)
        rows = [json.loads(line) for line in results_file.read_text("utf-8").splitlines()]
        assert fault.killed, "no worker was killed"
        assert not names["errors"], names["errors"]
        assert [row["line"] for row in rows] == list(range(1, RECORDS + 1)), "rows are missing, or not in order"
        assert max(sent.values()) == 1, "a record was sent twice"
        in_doubt = [row for row in rows if row["result"] == "unknown"]
        assert report.results.get("authenticated", 0) + len(in_doubt) == report.records == RECORDS
        assert len(in_doubt) <= 64, "more are in doubt than one worker had in flight"
        print(f"{sum(sent.values())} sessions, none twice; in doubt: {len(in_doubt)}")


def _counts(results: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {result}" for result, count in results.items())


def main() -> None:
    """Try the engines that are named, or all."""
    for engine in sys.argv[1:] or ENGINES:
        print(f"--- {engine}", flush=True)
        try_engine(engine)


if __name__ == "__main__":
    main()
