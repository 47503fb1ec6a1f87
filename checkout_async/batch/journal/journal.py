"""The journal of a batch: a record is written before it is sent, and its outcome before it is reported.

    async with Journal("run.journal") as journal:
        claim = await journal.claim(record)

What is on disk at each moment, so that a run can stop between any two of these steps:

1. `claim`: the row of the record, without a result. Then the request is sent. If the run stops here, the record may
   have been sent, and a later run does not send it by itself.
2. `note_session`: the id of the new session. If the run stops here, a later run reads that session and continues.
3. `settle`: the outcome. Then it is delivered. If the run stops here, a later run reports it.
4. `mark_reported`: the consumer has taken the outcome. A later run only replays it.

The file is an SQLite 3 database in WAL mode, locked by the one process that has it open. `application_id` is
0x434B4F4A; `user_version` is the format, 2. When it is closed, the `sqlite3` command can read it. Tables:

journal   one row. `key_check`: HMAC of the empty string, to detect a wrong key; `run`: how often the file was opened;
          `needs_wal`: 1 in a file whose write-ahead log (`<journal>-wal`) has all that its last run wrote.
record    one row a record. `fingerprint`: of its reference, or of its content if it has none; `content`: of its
          content (hexadecimal; fingerprint.py). `run`, `line`, `claimed_at`: where and when it last appeared (times in
          microseconds since 1970). `session_id`. `result`: null from its claim until it is settled. `outcome`: the
          outcome as JSON, without reference and cryptogram. `reported`: 1 once the outcome was taken. `settled_at`.

The file contains no card numbers, references, requests or cryptograms. The key of the fingerprints is in a separate
file next to it, `<journal>.key`. With both files one can find out whether a given request is in the journal.
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
from checkout_async.errors import BatchFileError, JournalError
from checkout_async.processes import ProcessGuard
from checkout_async.redaction import SecretBytes, clears_frames

__all__ = ["Claim", "Journal", "Step"]


class Journal:
    """The journal of a batch, used with `async with`; each such use is a run.

    A missing file is created, with a random key unless `key` (32 bytes) is given. Without `create`, a missing or empty
    file is refused: use that if the run has an output. With `durable`, what a call has confirmed survives a power
    failure; without it, only the end of the process. Opening raises BatchFileError. Once a write fails, that call and
    every later one raise JournalError. In a process that was forked while the journal was open, its methods raise
    WrongProcess, and leaving it does nothing.
    """

    @clears_frames
    def __init__(
        self, path: Path | str, *, key: bytes | None = None, durable: bool = True, create: bool = True
    ) -> None:
        self._path = Path(path)
        key = None if key is None else SecretBytes(key)
        self._opening = partial(JournalStore, self._path, key=key, durable=durable, create=create)
        self._writer: JournalWriter | None = None
        self._fingerprints: Fingerprints | None = None
        self._runs: list[Callable[[], Awaitable[None]]] = []
        self._process = ProcessGuard(f"the journal {self._path}")

    def __repr__(self) -> str:
        return f"Journal({str(self._path)!r})"

    async def __aenter__(self) -> Self:
        if self._writer is not None:
            raise BatchFileError(f"the journal {self._path} is open already")
        self._process = ProcessGuard(f"the journal {self._path}")
        self._process.check()
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
        if self._process.is_foreign:
            return  # the file and the thread that writes it are the parent's
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
            # The exception that ended the run comes first: a cancellation must not be lost.
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
        """Return what to do with a record. If it is to be sent, the journal says on return that it may have been.

        `retry_unknown` sends a record again that an earlier run may have sent and that has no session. A record is
        refused if its reference (or, without one, its request) appeared before in this run, or if its reference belongs
        to another request that may have been sent. Raises InvalidRequest for a request that cannot be written as JSON.

        A caller that is cancelled meanwhile has not sent the record: the claim is withdrawn.
        """
        writer, fingerprints = self._opened, self._fingerprints
        assert fingerprints is not None
        content = fingerprints.of_content(record)
        key = fingerprints.of_reference(record.reference) if record.reference else content
        claiming = Claiming(record, key, content, retry_unknown=retry_unknown)
        try:
            await writer.write(claiming)
        except asyncio.CancelledError:
            if self._writer is writer:  # a writer that is being closed accepts nothing more
                writer.add(Releasing(claiming))
            raise
        return claiming.claim

    def note_session(self, claim: Claim, session_id: str) -> None:
        """Note the session id of a record; it is written with the next commit, before any later operation."""
        if claim.step is not Step.REFUSE:
            self._opened.add(SessionNoted(claim, session_id))

    async def settle(self, claim: Claim, outcome: Outcome) -> None:
        """Write the outcome of a record: on return it is in the journal. It is written even if the caller is cancelled.

        This and the other methods ignore a claim that was refused.
        """
        if claim.step is not Step.REFUSE:
            await self.settle_nowait(claim, outcome)

    def settle_nowait(self, claim: Claim, outcome: Outcome) -> asyncio.Future[None]:
        """Write the outcome of a record that was not refused; the future is done when the outcome is in the journal."""
        return self._opened.write(Settling(claim, outcome))

    def mark_reported(self, claim: Claim) -> None:
        """Note that the consumer has taken the outcome of a record; this is written with the next commit."""
        if claim.step is not Step.REFUSE:
            self._opened.add_to_next(Reported(claim))

    async def mark_unreported(self, lines: Iterable[int]) -> None:
        """Note that outcomes of this run, by their lines, were lost after they were taken: a later run reports them."""
        await self._opened.run(lambda store: store.mark_unreported(lines))

    async def reconcile(self, results: Callable[[], Iterable[Outcome]]) -> None:
        """Mark outcomes as reported if their session is in the output, and all others as not reported.

        `results` is called in a thread, and returns all rows of the output, before a run changes it. A result that the
        journal lacks, as after a full disk, settles its claim, which is found by the reference or, without one, by the
        line. Raises BatchFileError if the output has a final or unknown result without a claim: the journal is then
        older than the output, was emptied, or belongs to another run, and other records may have been sent, too.
        """
        await self._opened.run(lambda store: store.reconcile(results))

    async def counts(self) -> Mapping[BatchResult | None, int]:
        """Return the number of records by result; None counts those that were claimed and not settled."""
        return await self._opened.run(JournalStore.counts)

    @property
    def _opened(self) -> JournalWriter:
        if self._writer is None:
            raise BatchFileError(f"the journal {self._path} is not open: use `async with`")
        self._process.check()
        return self._writer
