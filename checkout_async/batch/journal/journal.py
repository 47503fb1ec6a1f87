"""The journal of a batch: what was sent is written before it is sent, and what became of it before it is told.

    async with Journal("run.journal") as journal:
        claim = await journal.claim(record)

The file is an SQLite 3 database in WAL mode, for one process at a time, which has it locked. `application_id` is
0x434B4F4A, `user_version` the format, 1. Closed, it can be looked at with the `sqlite3` command. Tables:

journal   one row: `key_check`, the fingerprint of nothing, tells the key it was made with; `run`, how often it was
          opened.
record    one row a record. `fingerprint`: of its reference, or of its content if it has none; `content`: of its
          content (hexadecimal; fingerprint.py). `run`, `line`, `claimed_at`: where and when it last appeared (times in
          microseconds since 1970). `session_id`. `result`: null from its claim until it is settled. `outcome`: the
          outcome as JSON, without reference and cryptogram. `reported`: 1 once the outcome was taken. `settled_at`.

Neither card numbers nor references nor requests nor cryptograms are in it. The key of the fingerprints is in a file of
its own beside it, `<journal>.key`: who has both can find out whether a given request is in the journal.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from checkout_async.batch.journal.claim import Claim, Claiming, Releasing, Reported, SessionNoted, Settling, Step
from checkout_async.batch.journal.fingerprint import Fingerprints
from checkout_async.batch.journal.ledger import JournalStore
from checkout_async.batch.journal.writer import JournalWriter
from checkout_async.batch.outcome import BatchResult, Outcome
from checkout_async.batch.records import Record
from checkout_async.errors import ConfigurationError, JournalError
from checkout_async.redaction import SecretBytes

__all__ = ["Claim", "Journal", "Step"]


class Journal:
    """A journal, used with `async with`; each such use is a run.

    A missing file is made, with a random key of its own unless `key` (32 bytes) is given. With `durable`, what is
    confirmed has survived the loss of power, without it only the end of the process. Opening raises
    ConfigurationError. Once writing fails, that and every later call raises JournalError.
    """

    def __init__(self, path: Path | str, *, key: bytes | None = None, durable: bool = True) -> None:
        self._path = Path(path)
        self._opening = partial(
            JournalStore, self._path, key=None if key is None else SecretBytes(key), durable=durable
        )
        self._writer: JournalWriter | None = None
        self._fingerprints: Fingerprints | None = None
        self._runs: list[Callable[[], Awaitable[None]]] = []

    def __repr__(self) -> str:
        return f"Journal({str(self._path)!r})"

    async def __aenter__(self) -> Self:
        if self._writer is not None:
            raise ConfigurationError(f"the journal {self._path} is open already")
        self._writer = JournalWriter(self._opening)
        try:
            self._fingerprints = await self._writer.open()
        except BaseException:
            self._writer = None
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            for end_run in (*self._runs,):
                await end_run()
        finally:
            writer, self._writer = self._opened, None
            await self._close(writer, kind)

    async def _close(self, writer: JournalWriter, kind: type[BaseException] | None) -> None:
        try:
            await writer.close()
        except JournalError:
            # What ended the run comes first: a cancellation must not be lost.
            if kind is None:
                raise

    @contextmanager
    def attach_run(self, on_close: Callable[[], Awaitable[None]]) -> Generator[None]:
        """Register a run that uses the journal. `on_close` ends a run that still goes on when the journal is closed."""
        self._runs.append(on_close)
        try:
            yield
        finally:
            self._runs.remove(on_close)

    async def claim(self, record: Record, *, retry_unknown: bool = False) -> Claim:
        """Say what to do about a record; where it is to be sent, the journal holds on return that it may have been.

        `retry_unknown` sends what an earlier run may have sent and has no session for. A record whose reference or,
        if it has none, whose request appeared before in this run is refused, and so is one whose reference belongs to
        another request that may have been sent. Raises InvalidRequest for a request that is no JSON.

        Who is cancelled meanwhile has not sent: the claim is taken back.
        """
        writer, fingerprints = self._opened, self._fingerprints
        assert fingerprints is not None
        content = fingerprints.of_content(record)
        key = fingerprints.of_reference(record.reference) if record.reference else content
        claiming = Claiming(record, key, content, retry_unknown=retry_unknown)
        try:
            await writer.write(claiming)
        except asyncio.CancelledError:
            if self._writer is writer:  # one that is being closed takes nothing more in
                writer.add(Releasing(claiming))
            raise
        return claiming.claim

    def note_session(self, claim: Claim, session_id: str) -> None:
        """Note the session of a record; it is written with the next commit, before anything that follows."""
        if claim.step is not Step.REFUSE:
            self._opened.add(SessionNoted(claim, session_id))

    async def settle(self, claim: Claim, outcome: Outcome) -> None:
        """Note the outcome of a record: on return the journal holds it. It is written even if the caller is cancelled.

        As with the other methods, what is said of a refused claim is not noted.
        """
        if claim.step is not Step.REFUSE:
            await self.settle_nowait(claim, outcome)

    def settle_nowait(self, claim: Claim, outcome: Outcome) -> asyncio.Future[None]:
        """Note the outcome of a record that was not refused; what is returned is done when the journal holds it."""
        return self._opened.write(Settling(claim, outcome))

    def mark_reported(self, claim: Claim) -> None:
        """Note that the consumer has taken the outcome of a record; it is written with the next commit."""
        if claim.step is not Step.REFUSE:
            self._opened.add_to_next(Reported(claim))

    async def mark_unreported(self, lines: Iterable[int]) -> None:
        """Note that the outcomes of these lines of this run were lost after they were taken: a later run tells them."""
        await self._opened.run(lambda ledger: ledger.mark_unreported(lines))

    async def reconcile(self, results: Callable[[], Iterable[Outcome]]) -> None:
        """Take an outcome as told if, and only if, its session is among those of the results file, read in a thread.

        A result of which the journal knows nothing, as after a full disk, settles the claim it belongs to: that of its
        reference, or without one of its line.
        """
        await self._opened.run(lambda ledger: ledger.reconcile(results))

    async def counts(self) -> Mapping[BatchResult | None, int]:
        """Return the number of records by result; None stands for those that were claimed and not settled."""
        return await self._opened.run(JournalStore.counts)

    @property
    def _opened(self) -> JournalWriter:
        if self._writer is None:
            raise ConfigurationError(f"the journal {self._path} is not open: use `async with`")
        return self._writer
