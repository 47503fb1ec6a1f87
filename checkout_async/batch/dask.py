"""A batch on a Dask cluster (extra `dask`): partitions are tasks, which start again elsewhere when a worker dies.

    from distributed import Client
    from checkout_async.batch.dask import run_file

    with Client("tls://scheduler:8786") as cluster:
        report = run_file(cluster, "/shared/cards.jsonl", "/shared/results.jsonl")

The workers need this package, the environment variables for the API, and the same view of the input and of the folder.
The name of the input, settings and counts travel through the scheduler: no record, no result, no secret.
"""

from __future__ import annotations

import asyncio
import queue
import secrets
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from checkout_async.batch.cluster.gather import finished_report, gather_partitions
from checkout_async.batch.cluster.partition import Partition, RunPaths, stop_file
from checkout_async.batch.cluster.plan import plan_partitions
from checkout_async.batch.cluster.worker import PartitionResult, PartitionSettings, run_partition
from checkout_async.batch.formats import Format
from checkout_async.batch.report import Report, Summary
from checkout_async.batch.runner import run_sync
from checkout_async.batch.sources import open_source
from checkout_async.config import require_callback
from checkout_async.errors import BatchFileError, ConfigurationError, JournalInUse, MissingExtra, RunIncomplete
from checkout_async.redaction import sanitize

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["ClusterProgress", "run_file"]

_PARTITIONS_PER_THREAD: Final = 4
_LOOK_EVERY: Final = 0.5
_MOST_REASONS: Final = 3
_RETRIES: Final = 2
"""How often a task that raised is retried. The scheduler moves a task whose worker died (`allowed-failures`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterProgress:
    """The progress of a run: records in all, if that is known, and with an outcome (`done`); partitions likewise."""

    records: int | None
    done: int
    partitions: int
    finished: int


def run_file(
    cluster: Client | str,
    input: Path | str,  # noqa: A002  # the command's own word
    output: Path | str,
    *,
    journal: Path | str | None = None,
    folder: Path | str | None = None,
    defaults: Path | str | None = None,
    rejects: Path | str | None = None,
    input_format: Format | None = None,
    output_format: Format | None = None,
    partitions: int | None = None,
    settings: PartitionSettings | None = None,
    force: bool = False,
    resume: bool = False,
    stop: threading.Event | None = None,
    on_progress: Callable[[ClusterProgress], None] | None = None,
) -> Report:
    """Authenticate the records of a file on a cluster; return the report once `output` has a row for each of them.

    `cluster` is a synchronous Client or a scheduler's address. All machines must see `input` and `folder` (by default
    `output` with `.parts`) under the same path; `folder` is kept until the run is complete. `output` and `journal` (by
    default `output` with `.journal`) are written on this machine at the end, in the order of the input. `partitions` is
    by default four for each thread of the cluster; a resumed run has as many as before. `defaults` is a JSON file with
    members that all records share, which all machines must see. `rejects` gets a copy of each invalid record with the
    reason, when the output is written. `force` replaces an existing
    `output` and `journal`.

    Call it again with `resume` to continue a run that ended early. Once `stop` is set, or after Ctrl-C, the sessions in
    flight are finished first. If the run is complete already, `resume` writes `output` anew from the journal and
    returns the report of its rows, counted as replayed, without the cluster.

    Raises BatchFileError, ConfigurationError or MissingExtra before anything is sent, and RunIncomplete or
    KeyboardInterrupt if something is left to do.
    """
    require_callback("on_progress", on_progress)
    summary = Summary()
    paths = RunPaths.of(
        input,
        output,
        journal=journal,
        folder=folder,
        defaults=defaults,
        rejects=rejects,
        input_format=input_format,
        output_format=output_format,
    )
    if resume and (report := finished_report(paths, summary)) is not None:
        return report
    with _connected(cluster) as client:
        threads = max(1, sum(cast("Mapping[str, int]", client.nthreads()).values()))
        parts = plan_partitions(paths, partitions, default=_PARTITIONS_PER_THREAD * threads, force=force, resume=resume)
        settings = replace(settings or PartitionSettings(), parallelism=max(1, min(threads, len(parts))))
        _Run(client, paths, parts, settings, on_progress).carry_out(stop or threading.Event())
    return gather_partitions(paths, parts, summary, options=settings.options)


@contextmanager
def _connected(cluster: Client | str) -> Generator[Any]:
    """Yield the client of a cluster; the library leaves most of it untyped."""
    if not isinstance(cluster, str):
        if cluster.asynchronous:
            raise ConfigurationError(
                "the Dask client is asynchronous; pass a synchronous one, or the scheduler's address"
            )
        yield cluster
        return
    try:
        distributed: Any = import_module("distributed")
    except ImportError as error:
        message = f"a run on a cluster needs the package {error.name}: pip install 'checkout-async[dask]'"
        raise MissingExtra(message) from None
    with _client_of(distributed, cluster) as client:
        yield client


def _client_of(distributed: Any, address: str) -> Any:
    try:
        # A Client that fails to connect is left half initialised, and its clean-up waits a minute.
        run_sync(lambda: _reach(distributed, address))
        return distributed.Client(address, set_as_default=False)
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        reason = _why_not_reached(error)
    raise ConfigurationError(f"cannot reach the scheduler {address!r}: {reason}")


async def _reach(distributed: Any, address: str) -> None:
    config: Any = import_module("dask.config")
    utils: Any = import_module("dask.utils")
    # Without the timeout, a peer that accepts the connection and sends nothing would block for ever.
    timeout = utils.parse_timedelta(config.get("distributed.comm.timeouts.connect"), "seconds")
    async with asyncio.timeout(2 * timeout):
        own_side = distributed.Security().get_connection_args("client")
        comm = await distributed.core.connect(address, timeout=timeout, **own_side)
        await comm.close()


def _why_not_reached(error: Exception) -> str:
    if isinstance(error, TypeError):
        return "TLS is not configured; name the certificates in Dask's configuration (distributed.comm.tls)"
    if isinstance(error, ValueError):
        return "an address has the form tcp://host:8786 or tls://host:8786"
    return f"{type(error).__name__}: {sanitize(str(error))}" if str(error) else type(error).__name__


def _task(partition: Partition, settings: PartitionSettings, topic: str) -> PartitionResult:
    """Run a partition on a worker, and report its progress about once a second."""
    worker: Any = import_module("distributed").get_worker()
    return run_partition(partition, settings, lambda done: worker.log_event(topic, [partition.number, done]))


def _total(paths: RunPaths) -> int | None:
    """Return the number of records; None if it is unknown before reading. Raises BatchFileError."""
    with open_source(paths.input, paths.input_format) as source:
        try:
            return source.total()
        except OSError as error:
            raise BatchFileError(f"cannot read the input file {paths.input}: {error.strerror}") from None


class _Run:
    """The tasks of one run. Their progress and their ends arrive through one queue."""

    def __init__(
        self,
        client: Any,
        paths: RunPaths,
        parts: Sequence[Partition],
        settings: PartitionSettings,
        on_progress: Callable[[ClusterProgress], None] | None,
    ) -> None:
        self._client = client
        self._folder = paths.folder
        self._records = _total(paths)
        self._parts = parts
        self._settings = settings
        self._on_progress = on_progress
        self._topic = f"checkout-async-{secrets.token_hex(8)}"
        self._news: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._open: dict[str, Partition] = {}
        self._done = dict.fromkeys((part.number for part in parts), 0)
        self._finished = 0
        self._failures: list[str] = []

    def carry_out(self, stop: threading.Event) -> None:
        """Run all partitions. Raises RunIncomplete if some of their records have no outcome at the end."""
        self._client.subscribe_topic(self._topic, self._hear)
        futures = self._submitted()
        try:
            self._follow(stop)
        except KeyboardInterrupt:
            self._ask_to_stop()
            self._follow(stop)
            raise
        finally:
            if self._open:
                self._ask_to_stop()
            # A cluster that is gone needs no clean-up.
            with suppress(Exception):
                self._client.unsubscribe_topic(self._topic)
                self._client.cancel(futures)
        if self._finished < len(self._parts):
            raise RunIncomplete(self._what_is_left())

    def _hear(self, event: tuple[float, object]) -> None:
        self._news.put(event[1])

    def _submitted(self) -> list[Any]:
        names = [f"{self._topic}-{part.number}" for part in self._parts]
        self._open = dict(zip(names, self._parts, strict=True))
        futures: list[Any] = self._client.map(
            _task, self._parts, settings=self._settings, topic=self._topic, key=names, pure=False, retries=_RETRIES
        )
        for future in futures:
            future.add_done_callback(self._news.put)
        return futures

    def _follow(self, stop: threading.Event) -> None:
        while self._open:
            if stop.is_set():
                self._ask_to_stop()
            with suppress(queue.Empty):
                self._take(self._news.get(timeout=_LOOK_EVERY))

    def _take(self, news: Any) -> None:
        if isinstance(news, list | tuple):
            number, done = cast("Sequence[int]", news)
            self._show(number, done)
        else:
            self._end(self._open.pop(news.key), news)

    def _end(self, part: Partition, future: Any) -> None:
        try:
            result: PartitionResult = future.result()
        # A task may raise anything, such as the error for a dead worker. The other partitions go on.
        except Exception as error:  # noqa: BLE001
            self._failures.append(f"partition {part.number}: {type(error).__name__}: {sanitize(str(error))}")
            return
        self._finished += result.finished
        if result.error is not None:
            self._failures.append(f"partition {part.number}: {result.error.message}")
            # Any other failure is one of the credentials, the API or the set-up: all partitions would fail so.
            if result.error.kind != JournalInUse.__name__:
                self._ask_to_stop()
        self._show(part.number, result.done)

    def _show(self, number: int, done: int) -> None:
        self._done[number] = max(done, self._done[number])
        if self._on_progress is not None:
            done = sum(self._done.values())
            self._on_progress(
                ClusterProgress(records=self._records, done=done, partitions=len(self._parts), finished=self._finished)
            )

    def _ask_to_stop(self) -> None:
        # If the folder cannot be written, the partitions stop anyway: their journals are in it.
        with suppress(OSError):
            stop_file(self._folder).touch()

    def _what_is_left(self) -> str:
        left = f"{len(self._parts) - self._finished} of {len(self._parts)} partitions are not finished"
        return "; ".join([left, *self._failures[:_MOST_REASONS], "resume to continue"])
