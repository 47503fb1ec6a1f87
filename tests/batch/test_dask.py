"""A cluster of real worker processes does what one process does, also when one of them is killed or the run is stopped.

The sandbox runs in this process and knows what arrived; token and rate go through a real redis-server.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from checkout_async.batch import FAKE_BROWSER_DATA, BatchOptions
from checkout_async.batch.cluster import PartitionSettings, RunPaths, plan_partitions
from checkout_async.batch.cluster.partition import key_base_path, records_of
from checkout_async.batch.dask import ClusterProgress, run_file
from checkout_async.batch.journal import Journal
from checkout_async.batch.journal.fingerprint import load_key
from checkout_async.batch.outcome import BatchResult
from checkout_async.batch.report import Report
from checkout_async.batch.report.file import read_report
from checkout_async.batch.sources import open_source
from checkout_async.errors import BatchFileError, ConfigurationError, RunIncomplete
from checkout_async.sandbox import Sandbox
from tests.batch.support import HeldReplies, request
from tests.commands import AUTHENTICATE, results_in, until, write_lines
from tests.commands import run as command
from tests.forking import prepare

if TYPE_CHECKING:
    from distributed import Client

WORKERS = 3
CONCURRENCY = 4
LINES = 240
SETTINGS = PartitionSettings(options=BatchOptions(concurrency=CONCURRENCY, channel_data=FAKE_BROWSER_DATA), rate=5000)

pytestmark = [pytest.mark.services, pytest.mark.slow]


@pytest.fixture
def cluster(request: pytest.FixtureRequest, env: dict[str, str], redis_url: str) -> Iterator[Client]:
    """Give the client of a cluster whose workers have the sandbox's environment; a parameter changes some of it."""
    dask: Any = import_module("dask")
    distributed: Any = import_module("distributed")
    prepare()
    own = {name: value for name, value in env.items() if name.startswith("CHECKOUT_")}
    own |= {"CHECKOUT_SCOPES": "sessions:browser sessions:app", "CHECKOUT_REDIS_URL": redis_url}
    own |= cast("dict[str, str]", getattr(request, "param", {}))
    options = {"threads_per_worker": 1, "processes": True, "dashboard_address": "127.0.0.1:0", "env": own}
    with (
        dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}),
        distributed.LocalCluster(n_workers=WORKERS, **options) as workers,
        distributed.Client(workers, set_as_default=False) as client,
    ):
        yield client


@pytest.fixture
def source(source: Path) -> Path:
    return write_lines(source, [request(reference=f"ref-{number}") for number in range(1, LINES + 1)])


def created(sandbox: Sandbox) -> Counter[str | None]:
    return Counter(sandbox.sessions[each].reference for each in sandbox.sessions)


def once_each() -> Counter[str | None]:
    return Counter(f"ref-{number}" for number in range(1, LINES + 1))


async def run(
    cluster: Client, source: Path, target: Path, settings: PartitionSettings = SETTINGS, **options: Any
) -> Report:
    return await asyncio.to_thread(run_file, cluster, source, target, settings=settings, **options)


async def processes_of(cluster: Any) -> list[int]:
    pids: dict[str, int] = await asyncio.to_thread(cluster.run, os.getpid)
    return list(pids.values())


async def asked_of_redis(url: str, command: str) -> int:
    from redis.asyncio import Redis

    async with Redis.from_url(url) as redis:  # pyright: ignore[reportUnknownMemberType] - untyped **kwargs
        untyped: Any = redis
        stats: dict[str, dict[str, int]] = await untyped.info("commandstats")
    return stats.get(f"cmdstat_{command}", {}).get("calls", 0)


async def test_a_worker_that_is_killed_loses_nothing_and_sends_nothing_twice(
    cluster: Client, sandbox: Sandbox, source: Path, target: Path, redis_url: str
) -> None:
    replies = HeldReplies()
    # By then no worker can be at the end of its first partition, which has about 40 records.
    sandbox.faults.add("request_session", replies, at=30, times=None)
    asked_before = await asked_of_redis(redis_url, "evalsha")
    doomed, *_ = await processes_of(cluster)
    shown: list[ClusterProgress] = []
    running = asyncio.create_task(run(cluster, source, target, partitions=6, on_progress=shown.append))
    # Every worker now has as many sessions in flight as it may: made, and not known to it.
    await until(lambda: replies.held == WORKERS * CONCURRENCY)
    os.kill(doomed, signal.SIGKILL)
    replies.released.set()
    report = await running

    results = results_in(target.read_text())
    assert [*results] == list(range(1, LINES + 1))  # in the order of the input
    assert created(sandbox) == once_each()
    in_doubt = [row for row in results.values() if row["result"] == "unknown"]
    assert len(in_doubt) == CONCURRENCY
    assert {row["error"]["kind"] for row in in_doubt} == {"OutcomeUnknown"}
    assert not any("session_id" in row for row in in_doubt)
    assert report.results == {"authenticated": LINES - CONCURRENCY, "unknown": CONCURRENCY}
    async with Journal(target.with_name(f"{target.name}.journal")) as journal:
        assert await journal.counts() == {
            BatchResult.AUTHENTICATED: LINES - CONCURRENCY,
            BatchResult.UNKNOWN: CONCURRENCY,
        }
    assert sandbox.count("request_access_token") == 1
    assert await asked_of_redis(redis_url, "evalsha") > asked_before
    assert shown[-1] == ClusterProgress(records=LINES, done=LINES, partitions=6, finished=6)
    assert not target.with_name(f"{target.name}.parts").exists()


async def test_a_partition_that_another_process_runs_is_left_alone_and_the_others_are_finished(
    cluster: Client, sandbox: Sandbox, source: Path, target: Path
) -> None:
    paths = RunPaths.of(source, target)
    first, *_ = await asyncio.to_thread(plan_partitions, paths, 6)
    with open_source(source) as opened:
        records = len([item async for item in records_of(first, opened)])
    impatient = replace(SETTINGS, lock_timeout=0)
    async with Journal(first.journal, key=load_key(key_base_path(paths.folder))):
        with pytest.raises(
            RunIncomplete, match=r"1 of 6 partitions are not finished; partition 0: .*another process has it open"
        ):
            await run(cluster, source, target, resume=True, settings=impatient)
    assert sum(created(sandbox).values()) == LINES - records
    await run(cluster, source, target, resume=True, settings=impatient)
    assert created(sandbox) == once_each()


async def test_a_stopped_run_is_continued(cluster: Client, sandbox: Sandbox, source: Path, target: Path) -> None:
    replies, stop = HeldReplies(), threading.Event()
    sandbox.faults.add("request_session", replies, at=LINES // 3, times=None)
    running = asyncio.create_task(run(cluster, source, target, partitions=20, stop=stop))
    await until(lambda: replies.held > 0)
    stop.set()
    await until(target.with_name(f"{target.name}.parts").joinpath("stop").exists)
    replies.released.set()
    with pytest.raises(RunIncomplete, match=r"\d+ of 20 partitions are not finished; resume to continue"):
        await running
    sent = sum(created(sandbox).values())
    assert 0 < sent < LINES
    assert not target.exists()
    await run(cluster, source, target, resume=True)
    assert [*results_in(target.read_text())] == list(range(1, LINES + 1))
    assert created(sandbox) == once_each()


async def test_ctrl_c_leaves_a_run_that_can_be_continued(
    cluster: Client, sandbox: Sandbox, source: Path, target: Path
) -> None:
    def interrupt(progress: ClusterProgress) -> None:
        if progress.finished == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await run(cluster, source, target, partitions=20, on_progress=interrupt)
    await run(cluster, source, target, resume=True)
    assert [*results_in(target.read_text())] == list(range(1, LINES + 1))
    assert created(sandbox) == once_each()


async def test_a_cluster_that_ends_leaves_a_run_that_can_be_continued(
    cluster: Client, sandbox: Sandbox, source: Path, target: Path
) -> None:
    replies = HeldReplies()
    sandbox.faults.add("request_session", replies, at=30, times=None)
    running = asyncio.create_task(run(cluster, source, target, partitions=6))
    await until(lambda: replies.held > 0)
    untyped: Any = cluster
    await asyncio.to_thread(untyped.shutdown)
    with pytest.raises(RunIncomplete, match=r"6 of 6 partitions are not finished; partition \d: FutureCancelled"):
        await running
    assert max(created(sandbox).values()) == 1


@pytest.mark.parametrize("cluster", [{"CHECKOUT_CLIENT_SECRET": "wrong_secret"}], indirect=True)
async def test_refused_credentials_end_the_run_with_the_reason(
    cluster: Client, sandbox: Sandbox, source: Path, target: Path
) -> None:
    reason = "6 of 6 partitions are not finished; .*partition [0-5]: the token endpoint answered 40"
    with pytest.raises(RunIncomplete, match=reason) as caught:
        await run(cluster, source, target, partitions=6)
    assert "wrong_secret" not in str(caught.value)
    assert created(sandbox) == Counter()


@pytest.mark.parametrize("cluster", [{"CHECKOUT_CLIENT_ID": ""}], indirect=True)
async def test_workers_without_credentials_get_an_error_that_names_what_is_missing(
    cluster: Client, source: Path, target: Path
) -> None:
    with pytest.raises(RunIncomplete, match=r"partition [01]: CHECKOUT_CLIENT_ID is not set"):
        await run(cluster, source, target, partitions=2)


def test_a_scheduler_that_cannot_be_reached_is_named(source: Path, target: Path) -> None:
    dask: Any = import_module("dask")
    # Its import adds to the configuration, and would be undone with the change if it came later.
    import_module("distributed")
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "1s"}),
        pytest.raises(ConfigurationError, match=r"cannot reach the scheduler 'tcp://127\.0\.0\.1:9'"),
    ):
        run_file("tcp://127.0.0.1:9", source, target)


@pytest.mark.parametrize("address", ["", "nonsense", "foo://x:1", "tcp://127.0.0.1:port", "tcp://[::1"])
def test_an_invalid_address_is_reported_at_once(source: Path, target: Path, address: str) -> None:
    with pytest.raises(
        ConfigurationError, match=r"cannot reach the scheduler '.*': an address has the form tcp://host:8786"
    ):
        run_file(address, source, target)


async def test_missing_tls_configuration_is_reported_and_ends_the_command(
    env: dict[str, str], source: Path, target: Path
) -> None:
    done = await command(*AUTHENTICATE, source, "-o", target, "--scheduler", "tls://127.0.0.1:9", env=env)
    assert done.code == 2
    assert done.err == (
        "checkout-async: cannot reach the scheduler 'tls://127.0.0.1:9': TLS is not configured; name the certificates "
        "in Dask's configuration (distributed.comm.tls)\n"
    )


async def test_an_asynchronous_client_is_refused(cluster: Client, source: Path, target: Path) -> None:
    untyped: Any = cluster
    client: Any = import_module("distributed").Client
    async with client(untyped.scheduler.address, asynchronous=True, set_as_default=False) as asynchronous:
        with pytest.raises(ConfigurationError, match="the Dask client is asynchronous"):
            run_file(asynchronous, source, target)


async def test_the_command_runs_on_a_cluster_too(
    cluster: Client, env: dict[str, str], sandbox: Sandbox, source: Path, target: Path
) -> None:
    untyped: Any = cluster
    report = target.with_name("report.json")
    options = ("--scheduler", untyped.scheduler.address, "--partitions", "5", "--rate", "0", "--report", report)
    done = await command(*AUTHENTICATE, source, "--output", target, *options, env=env)
    assert done.code == 0, done.err
    assert [*results_in(target.read_text())] == list(range(1, LINES + 1))
    assert created(sandbox) == once_each()
    assert "5 of 5 partitions finished" in done.err
    assert "authenticated" in done.out
    assert read_report(report).records == LINES


async def test_defaults_settings_and_rejected_records_of_all_workers(
    cluster: Client, env: dict[str, str], sandbox: Sandbox, source: Path, target: Path
) -> None:
    untyped: Any = cluster
    shared, settings, rejects = (target.with_name(name) for name in ("defaults.json", "batch.env", "rejects.jsonl"))
    lines = [{"reference": f"ref-{number}"} for number in range(1, LINES + 1)]
    bad = [{"reference": f"bad-{number}", "amount": "x"} for number in range(20)]
    write_lines(source, [*lines, *bad])
    write_lines(shared, [request()])
    secrets = ("CHECKOUT_CLIENT_ID", "CHECKOUT_CLIENT_SECRET")
    await asyncio.to_thread(untyped.run, lambda: [os.environ.pop(name, None) for name in secrets])
    settings.write_text("".join(f"{name}={env[name]}\n" for name in secrets))
    settings.chmod(0o600)
    options = ("--scheduler", untyped.scheduler.address, "--partitions", "5", "--rate", "0", "--env-file", settings)
    done = await command(
        *(*AUTHENTICATE, source, "--output", target, *options, "--defaults", shared, "--rejects", rejects),
        env={name: value for name, value in env.items() if name not in secrets},
    )
    assert (done.code, f"20 rejected records are in {rejects}, to be corrected" in done.err) == (1, True), done.err
    assert created(sandbox) == once_each()
    assert [json.loads(line)["reference"] for line in rejects.read_text().splitlines()] == [
        str(each["reference"]) for each in bad
    ]


@pytest.mark.parametrize("cluster", [{"CHECKOUT_CLIENT_SECRET": "wrong_secret"}], indirect=True)
async def test_a_command_that_cannot_finish_says_why_and_ends_with_3(
    cluster: Client, env: dict[str, str], source: Path, target: Path
) -> None:
    untyped: Any = cluster
    done = await command(*AUTHENTICATE, source, "--output", target, "--scheduler", untyped.scheduler.address, env=env)
    assert done.code == 3
    assert "stopped: " in done.err
    assert "the token endpoint answered 40" in done.err
    assert "Traceback" not in done.err


async def test_another_number_of_partitions_is_refused_when_a_run_is_resumed(
    cluster: Client, sandbox: Sandbox, source: Path, target: Path
) -> None:
    await asyncio.to_thread(plan_partitions, RunPaths.of(source, target), 6)
    with pytest.raises(BatchFileError, match="has 6 partitions, and a resumed run must have as many"):
        await run(cluster, source, target, resume=True, partitions=7)
    assert created(sandbox) == Counter()
    report = await run(cluster, source, target, resume=True)
    assert report.results == {"authenticated": LINES}


async def test_a_complete_run_is_exported_again_from_the_journal(
    cluster: Client, sandbox: Sandbox, source: Path, target: Path
) -> None:
    report = await run(cluster, source, target)
    before = target.read_bytes()
    target.unlink()
    again = await run(cluster, source, target, resume=True)
    assert (again.results, again.replayed) == (report.results, LINES)
    assert target.read_bytes() == before
    assert created(sandbox) == once_each()


async def test_a_compressed_input_runs_on_a_cluster(
    cluster: Client, sandbox: Sandbox, source: Path, target: Path
) -> None:
    compressed = source.with_name("in.jsonl.gz")
    compressed.write_bytes(gzip.compress(source.read_bytes()))
    shown: list[ClusterProgress] = []
    report = await run(cluster, compressed, target, on_progress=shown.append)
    assert report.results == {"authenticated": LINES}
    assert shown[-1].records is None  # unknown before it is read
    assert shown[-1].done == LINES
    assert created(sandbox) == once_each()
