"""Run one partition of a run on many machines, as a plain function: for Dask, Spark, Ray, or a loop.

Credentials come from the environment of the machine it runs on (`CheckoutClient.from_env`) or from a file there. So
does the URL of the Redis through which workers share the access token and the account's rate (`CHECKOUT_REDIS_URL`).
Neither travels.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import anyio
import msgspec

from checkout_async.auth import RedisTokenStore
from checkout_async.batch.cluster.partition import (
    HighWaterMark,
    Partition,
    PartitionDone,
    key_base_path,
    read_done,
    records_of,
    stop_file,
)
from checkout_async.batch.defaults import Defaults
from checkout_async.batch.journal import Journal
from checkout_async.batch.journal.fingerprint import Fingerprints, load_key
from checkout_async.batch.options import BatchOptions
from checkout_async.batch.outcome import ErrorInfo
from checkout_async.batch.records import InvalidRecord, Record
from checkout_async.batch.runner import run, run_sync
from checkout_async.batch.sources import Source, open_source
from checkout_async.client import CheckoutClient
from checkout_async.config import Limits
from checkout_async.env_file import read_environ
from checkout_async.errors import BatchFileError, CheckoutError, ConfigurationError, JournalInUse
from checkout_async.files import atomic_write
from checkout_async.limits import RedisRateLimiter
from checkout_async.redaction import SecretBytes, as_secret

__all__ = ["PartitionResult", "PartitionSettings", "run_partition"]

_log = logging.getLogger("checkout_async.batch")

_Records = AsyncGenerator[Record | InvalidRecord]

POLL_INTERVAL: Final = 1.0
"""Seconds between checks for the stop file, between reports of progress, and between tries to open a journal.

A partition's high-water mark is written as often.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionSettings:
    """The settings of all partitions of a run.

    The `concurrency` of the `options` is that of one partition. `rate` is the account's, in reads a second and as many
    writes; None means no limit. Workers share the rate through Redis. Without Redis, or during an outage of it, it is
    divided by `parallelism`, the number of partitions that run at the same time. A partition waits up to `lock_timeout`
    seconds for another worker to release its journal. `env_file` is a file on each worker with `CHECKOUT_...` settings,
    of which only the name travels; the worker's environment wins. Raises ConfigurationError, also for `retry_unknown`:
    a partition that starts again because its worker died would send again what was in flight there, and nobody has
    looked that up.
    """

    options: BatchOptions = field(default_factory=BatchOptions)
    rate: float | None = 100.0
    parallelism: int = 1
    lock_timeout: float = 300.0
    env_file: Path | None = None

    def __post_init__(self) -> None:
        if self.parallelism < 1:
            raise ConfigurationError("PartitionSettings.parallelism must be a whole number above 0")
        if self.options.retry_unknown:
            raise ConfigurationError("a run on many machines does not support retry_unknown; resume it on one machine")
        self.limits(shared=True)

    def limits(self, *, shared: bool) -> Limits:
        """Return the limits of one partition's client."""
        rate = self.rate if shared or self.rate is None else self.rate / self.parallelism
        return Limits(concurrency=self.options.concurrency, read_rate=rate, write_rate=rate)


class PartitionResult(msgspec.Struct, frozen=True, kw_only=True):
    """How a partition ended: `done` records have an outcome. If some have none, `error` may say why."""

    number: int
    done: int
    finished: bool
    error: ErrorInfo | None = None


def run_partition(
    partition: Partition, settings: PartitionSettings | None = None, on_progress: Callable[[int], None] | None = None
) -> PartitionResult:
    """Authenticate the records of a partition, or continue where another worker left it.

    A problem that needs a person is the `error` of the result. Raises OSError if another machine may succeed: an input
    or a folder that this one cannot read or write. `on_progress` is called about once a second with the number of
    records that are done.
    """
    work = _Work(partition, settings or PartitionSettings(), on_progress)
    try:
        return run_sync(work.run)
    except CheckoutError as error:
        return work.end(ErrorInfo.of(error))


class _Work:
    """A partition while it runs."""

    def __init__(
        self, partition: Partition, settings: PartitionSettings, on_progress: Callable[[int], None] | None
    ) -> None:
        self._partition = partition
        self._settings = settings
        self._on_progress = on_progress
        self._mark = HighWaterMark(partition.mark)
        self._stop = anyio.Event()
        self._done = 0
        self._all_read = False
        self._shown = time.monotonic()

    async def run(self) -> PartitionResult:
        """Process the records that are left, under the lock of the partition's journal."""
        partition = self._partition
        if self._is_to_stop():
            return self.end()
        async with AsyncExitStack() as stack:
            key = self._key()
            journal = await stack.enter_async_context(self._journal(key))
            self._mark.begin(journal, partition.journal)
            if (done := read_done(partition)) is not None:
                self._done, self._all_read = done.records, True
                return self.end()
            defaults = _defaults_of(partition, key)
            await journal.require_defaults(b"" if defaults is None else defaults.content)
            checkout = await stack.enter_async_context(_client(self._settings))
            source = stack.enter_context(_input_of(partition))
            await self._authenticate(checkout, journal, records_of(partition, source, defaults))
        if self._all_read:
            # After the journal is closed: what it has is on the disk.
            self._mark_done(PartitionDone(records=self._done, lines=source.lines))
        return self.end()

    def end(self, error: ErrorInfo | None = None) -> PartitionResult:
        """Return the result of the partition so far."""
        finished = self._all_read and error is None
        return PartitionResult(number=self._partition.number, done=self._done, finished=finished, error=error)

    def _key(self) -> SecretBytes:
        folder = self._partition.folder
        if (key := load_key(key_base_path(Path(folder)))) is None:
            raise BatchFileError(f"{folder} on this machine is not the folder in which the run was planned")
        return SecretBytes(key)

    @asynccontextmanager
    async def _journal(self, key: SecretBytes) -> AsyncGenerator[Journal]:
        """Open the journal, which only one process can have open; wait for another worker to release it."""
        partition = self._partition
        until = time.monotonic() + self._settings.lock_timeout
        async with AsyncExitStack() as stack:
            while True:
                try:
                    # Once a worker has begun, a journal that is missing was lost with all that it knew.
                    opening = Journal(partition.journal, key=key, create=not self._mark.exists())
                    journal = await stack.enter_async_context(opening)
                    break
                except JournalInUse:
                    if time.monotonic() >= until or self._is_to_stop():
                        raise
                await anyio.sleep(POLL_INTERVAL)
            yield journal

    async def _authenticate(self, checkout: CheckoutClient, journal: Journal, records: _Records) -> None:
        outcomes = run(
            checkout, self._counted(records), options=self._settings.options, journal=journal, stop=self._stop
        )
        watch = asyncio.create_task(self._watch(), name="checkout_async partition")
        try:
            async with aclosing(outcomes):
                async for outcome in outcomes:
                    self._mark.rise(outcome.entry)
                    self._count()
        finally:
            watch.cancel()
            self._mark.save()

    async def _counted(self, records: _Records) -> _Records:
        async with aclosing(records):
            async for item in records:
                yield item
        self._all_read = True

    def _mark_done(self, done: PartitionDone) -> None:
        with atomic_write(self._partition.done) as file:
            file.write(msgspec.json.encode(done))

    def _count(self) -> None:
        self._done += 1
        if self._on_progress is not None and time.monotonic() - self._shown >= POLL_INTERVAL:
            self._shown = time.monotonic()
            self._on_progress(self._done)

    async def _watch(self) -> None:
        """Write the high-water mark until the stop file is there: no event announces one that another machine makes."""
        while not self._is_to_stop():
            self._mark.save()
            await anyio.sleep(POLL_INTERVAL)
        self._stop.set()

    def _is_to_stop(self) -> bool:
        return stop_file(Path(self._partition.folder)).exists()


def _defaults_of(partition: Partition, key: SecretBytes) -> Defaults | None:
    """Return the members that all records share. Raises OSError, and BatchFileError if they are not the planned."""
    if partition.defaults is None:
        return None
    path = Path(partition.defaults)
    path.open("rb").close()  # as below
    defaults = Defaults.read(path)
    if Fingerprints(key).of_defaults(defaults.content).hex() != partition.defaults_check:
        raise BatchFileError(
            f"{path} on this machine is not the file that the run was planned for, or has changed since"
        )
    return defaults


def _input_of(partition: Partition) -> Source:
    path = Path(partition.input)
    path.open("rb").close()  # raises OSError, and not BatchFileError: another machine may see the input
    return open_source(path, partition.format)


@asynccontextmanager
async def _client(settings: PartitionSettings) -> AsyncGenerator[CheckoutClient]:
    """Make a client from this machine's settings. With a Redis URL it shares the token and the rates."""
    environ = read_environ(settings.env_file, _log.warning)
    url = as_secret(environ.get("CHECKOUT_REDIS_URL"))
    if not url:
        async with CheckoutClient.from_env(environ, limits=settings.limits(shared=False)) as checkout:
            yield checkout
        return
    # If both are missing, from_env raises and names them.
    account = environ.get("CHECKOUT_SUBDOMAIN") or environ.get("CHECKOUT_BASE_URL") or "-"
    limits = settings.limits(shared=True)
    async with (
        RedisTokenStore(url) as tokens,
        RedisRateLimiter(url, account=account, processes=settings.parallelism) as rates,
        CheckoutClient.from_env(environ, token_store=tokens, rate_limiter=rates, limits=limits) as checkout,
    ):
        # Fail now: with a URL that never works, each worker would use the whole rate.
        await rates.check()
        yield checkout
