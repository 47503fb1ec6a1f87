"""One partition of a run on many machines, as a plain function: for Dask, Spark, Ray, or a loop of one's own.

Credentials come from the environment of the machine it runs on (`CheckoutClient.from_env`), and so does the Redis
through which workers share the access token and the account's rate (`CHECKOUT_REDIS_URL`). Neither travels.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import anyio.to_thread
import msgspec

from checkout_async.auth import RedisTokenStore
from checkout_async.batch.cluster.loops import in_a_loop
from checkout_async.batch.cluster.partition import Partition, keyed, stop_sign
from checkout_async.batch.cluster.slices import records_of
from checkout_async.batch.flow import DEFAULT_CHANNEL_DATA, Backoff, SharedChannelData
from checkout_async.batch.formats import Format
from checkout_async.batch.journal import Journal
from checkout_async.batch.journal.fingerprint import load_key
from checkout_async.batch.outcome import ErrorInfo, Outcome
from checkout_async.batch.records import InvalidRecord, Record
from checkout_async.batch.results import LineSet, ResultFile
from checkout_async.batch.runner import DEFAULT_OUTAGE_BACKOFF, run
from checkout_async.client import CheckoutClient
from checkout_async.config import Limits
from checkout_async.errors import CheckoutError, ConfigurationError, JournalInUse
from checkout_async.files import OWNER_ONLY
from checkout_async.limits import RedisRateLimiter
from checkout_async.redaction import as_secret

__all__ = ["PartitionResult", "PartitionSettings", "run_partition"]

_LOOK_EVERY: Final = 1.0
"""Seconds between looks at the stop sign, between words of progress, and between tries to open a journal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionSettings:
    """The settings of all partitions of a run; `batch.run` describes those that are not described here.

    `concurrency` is that of one partition. `rate` is the account's, in reads a second and as many writes; None is no
    limit. Workers share the rate through Redis. Without Redis it is divided by `parallelism`, the number of partitions
    that run at the same time. A partition waits up to `lock_timeout` seconds for another worker to release its
    journal. Raises ConfigurationError.
    """

    concurrency: int = 64
    rate: float | None = 100.0
    parallelism: int = 1
    channel_data: SharedChannelData = DEFAULT_CHANNEL_DATA
    poll: Backoff | None = None
    outage_backoff: Backoff = DEFAULT_OUTAGE_BACKOFF
    retry_unknown: bool = False
    lock_timeout: float = 300.0

    def __post_init__(self) -> None:
        if self.parallelism < 1:
            raise ConfigurationError("PartitionSettings.parallelism must be a whole number above 0")
        self.limits(shared=True)

    def limits(self, *, shared: bool) -> Limits:
        """Return the limits of one partition's client."""
        rate = self.rate if shared or self.rate is None else self.rate / self.parallelism
        return Limits(concurrency=self.concurrency, read_rate=rate, write_rate=rate)


class PartitionResult(msgspec.Struct, frozen=True, kw_only=True):
    """How a partition ended: `done` records have an outcome, and if not all have, `error` may say why."""

    number: int
    done: int
    finished: bool
    error: ErrorInfo | None = None


def run_partition(
    partition: Partition, settings: PartitionSettings | None = None, on_progress: Callable[[int], None] | None = None
) -> PartitionResult:
    """Authenticate the records of a partition, or go on with it where another worker left it.

    What a person has to see to is the `error` of the result. Raises OSError for what another machine may do better: an
    input or a folder that this one cannot read or write. `on_progress` is told about once a second how many are done.
    """
    work = _Work(partition, settings or PartitionSettings(), on_progress)
    try:
        return in_a_loop(work.run)
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
        self._stop = anyio.Event()
        self._done = 0
        self._all_read = False
        self._shown = time.monotonic()

    async def run(self) -> PartitionResult:
        """Do what is left to do, while nobody else does."""
        partition = self._partition
        if self._is_to_stop():
            return self.end()
        async with AsyncExitStack() as stack:
            journal = await stack.enter_async_context(self._journal())
            if partition.done.exists():
                self._done, self._all_read = partition.records, True
                return self.end()
            checkout = await stack.enter_async_context(_client(self._settings))
            results, told = await anyio.to_thread.run_sync(ResultFile.resume, partition.results, Format.JSONL)
            with results:
                await journal.reconcile(results.rows)
                await self._carry_out(checkout, journal, results, told)
                await anyio.to_thread.run_sync(results.finish)
            if self._all_read:
                partition.done.touch(OWNER_ONLY)
        return self.end()

    def end(self, error: ErrorInfo | None = None) -> PartitionResult:
        """Return how far it came."""
        finished = self._all_read and error is None
        return PartitionResult(number=self._partition.number, done=self._done, finished=finished, error=error)

    @asynccontextmanager
    async def _journal(self) -> AsyncGenerator[Journal]:
        """Open the journal, which no two processes can have; wait for one that is about to lose it."""
        partition = self._partition
        key = load_key(keyed(Path(partition.folder)))
        if key is None:
            raise ConfigurationError(
                f"{partition.folder} on this machine is not the folder in which the run was planned"
            )
        until = time.monotonic() + self._settings.lock_timeout
        async with AsyncExitStack() as stack:
            while True:
                try:
                    journal = await stack.enter_async_context(Journal(partition.journal, key=key))
                    break
                except JournalInUse:
                    if time.monotonic() >= until or self._is_to_stop():
                        raise
                await anyio.sleep(_LOOK_EVERY)
            yield journal

    async def _carry_out(self, checkout: CheckoutClient, journal: Journal, results: ResultFile, told: LineSet) -> None:
        settings = self._settings
        outcomes = run(
            checkout,
            self._left(results, told),
            concurrency=settings.concurrency,
            channel_data=settings.channel_data,
            poll=settings.poll,
            outage_backoff=settings.outage_backoff,
            journal=journal,
            retry_unknown=settings.retry_unknown,
            stop=self._stop,
        )
        watch = asyncio.create_task(self._heed_stop_sign(), name="checkout_async stop sign")
        try:
            async with aclosing(outcomes):
                async for outcome in outcomes:
                    self._take(outcome, results)
        finally:
            watch.cancel()

    async def _left(self, results: ResultFile, told: LineSet) -> AsyncGenerator[Record | InvalidRecord]:
        """Yield the records that are to be looked at; those that repeat another part's are answered here."""
        reasons = {duplicate.line: duplicate.reason for duplicate in self._partition.duplicates}
        async with aclosing(records_of(self._partition)) as records:
            async for item in records:
                if item.line in told:
                    self._count()
                elif isinstance(item, Record) and item.line in reasons:
                    self._take(Outcome.refused(item, reasons[item.line]), results)
                else:
                    yield item
        self._all_read = True

    def _take(self, outcome: Outcome, results: ResultFile) -> None:
        results.write(outcome)
        self._count()

    def _count(self) -> None:
        self._done += 1
        if self._on_progress is not None and time.monotonic() - self._shown >= _LOOK_EVERY:
            self._shown = time.monotonic()
            self._on_progress(self._done)

    async def _heed_stop_sign(self) -> None:
        while not self._is_to_stop():  # noqa: ASYNC110 - nothing tells of a file that another machine makes
            await anyio.sleep(_LOOK_EVERY)
        self._stop.set()

    def _is_to_stop(self) -> bool:
        return stop_sign(Path(self._partition.folder)).exists()


@asynccontextmanager
async def _client(settings: PartitionSettings) -> AsyncGenerator[CheckoutClient]:
    """Make a client from this machine's environment, which shares token and rates where it says by what Redis."""
    url = as_secret(os.environ.get("CHECKOUT_REDIS_URL"))
    if not url:
        async with CheckoutClient.from_env(limits=settings.limits(shared=False)) as checkout:
            yield checkout
        return
    # Without either, from_env says what is missing.
    account = os.environ.get("CHECKOUT_SUBDOMAIN") or os.environ.get("CHECKOUT_BASE_URL") or "-"
    limits = settings.limits(shared=True)
    async with (
        RedisTokenStore(url) as tokens,
        RedisRateLimiter(url, account=account) as rates,
        CheckoutClient.from_env(token_store=tokens, rate_limiter=rates, limits=limits) as checkout,
    ):
        # With a URL that never works, every worker would take the whole rate for itself.
        await rates.check()
        yield checkout
