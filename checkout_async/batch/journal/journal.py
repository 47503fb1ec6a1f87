"""The journal of a batch: what was sent, what is known, and the outcomes. It is the one truth about a batch.

    async with Journal("run.journal") as journal:
        claim = await journal.claim(record)

What is on disk at each moment, so that a run can stop between any two of these steps:

1. `claim`: the row of the record, without a result. Then the request is sent. If the run stops here, the record may
   have been sent, and a later run does not send it by itself.
2. `record_session`: the id of the new session. If the run stops here, a later run reads that session and continues.
3. `settle`: the outcome. Then it is reported. A later run reports it again, and sends nothing.

What a later run does is the table in rules.py. Files of results are exports of the journal (`export`).

The file is an SQLite 3 database in WAL mode, locked by the one process that has it open. `application_id` is
0x434B4F4A; `user_version` is the format, 3. When it is closed, the `sqlite3` command can read it. Tables:

journal   one row. `id`: a random name; `key_check`: HMAC of the empty string, to detect a wrong key; `run`: how often
          the file was opened; `entry`: the last entry when it was opened; `needs_wal`: 1 in a file whose write-ahead
          log (`<journal>-wal`) has what its last run wrote.
record    one row a record. `fingerprint`: of its reference, or of its content if it has none; `content`: of its
          content (hexadecimal; fingerprint.py). `reference`. `run`, `line`, `claimed_at`: where and when it last
          appeared (times in microseconds since 1970). `session_id`. `result`: null from its claim until it is settled.
          `outcome`: the outcome as JSON. `entry`: outcomes are numbered in the order in which they were written.
          `settled_at`.
refusal   one row a line that is no record of its own: it cannot be read, repeats another record, or is held because
          another record was in doubt on it. `run`; `outcome`; `entry`.

Like a file of results, the journal contains references, session ids, ECI values, xids and cryptograms, until `purge`
removes the payment data. Only its owner may read it. It contains no card number, CVV, token or request. The key of the
fingerprints is in a separate file next to it, `<journal>.key`. With both files one can find out whether a given
request is in the journal.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from msgspec.structs import replace

from checkout_async.batch.journal.fingerprint import Fingerprints, RecordKeys
from checkout_async.batch.journal.operations import (
    Claim,
    ClaimOp,
    RecordSessionOp,
    RefuseOp,
    ReleaseOp,
    SettleOp,
)
from checkout_async.batch.journal.rows import entry_name
from checkout_async.batch.journal.rules import Step
from checkout_async.batch.journal.store import JournalStore
from checkout_async.batch.journal.writer import JournalWriter
from checkout_async.batch.outcome import BatchResult, Outcome
from checkout_async.batch.records import Record
from checkout_async.errors import BatchFileError, ConfigurationError, JournalError
from checkout_async.processes import ProcessGuard
from checkout_async.redaction import SecretBytes, clears_frames

__all__ = ["Journal"]


class Journal:
    """The journal of a batch, used with `async with`; each such use is a run.

    A missing file is created, with a random key unless `key` (32 bytes) is given. Without `create`, a missing or empty
    file is refused: use that to resume a run. With `durable`, what a call has confirmed survives a power failure;
    without it, only the end of the process. Opening raises BatchFileError. Once a write fails, that call and every
    later one raise JournalError. In a process that was forked while the journal was open, its methods raise
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
        self._id = ""
        self._entry = 0
        self._has_records = False
        # The records of this run that have not ended: those that are processed, and those that are claimed to be sent.
        self._processed: dict[bytes, Record] = {}
        self._claimed: dict[bytes, ClaimOp] = {}
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
            store = await self._writer.open()
        except BaseException:
            self._writer = None
            raise
        self._fingerprints, self._id, self._entry = store.fingerprints, store.id, store.entry
        self._has_records = store.has_records
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

    @property
    def last_entry(self) -> str:
        """The last entry, as an output names it; its number is 0 if there is none."""
        return f"{self._id}-{self._entry}"

    def begin(self, record: Record) -> tuple[RecordKeys, Claim | None]:
        """Begin to process a record, until `end`. Return its fingerprints, and a claim if it is not to be processed.

        That is so while an equal one is processed: the first of them is the one that is sent, also if it waits longer
        than the second, so that a later run with the same input finds it as it was. Raises InvalidRequest for a request
        that cannot be written as JSON.
        """
        keys = self._keys_of(record)
        if (first := self._processed.get(keys.key)) is None:
            self._processed[keys.key] = record
            return keys, None
        operation = ClaimOp(record, keys, self._id, retry_unknown=False)
        operation.repeat(first.line)
        return keys, operation.claim

    def end(self, keys: RecordKeys) -> None:
        """End a record: its outcome, if it has one, was handed to the journal."""
        self._processed.pop(keys.key, None)

    async def claim(self, record: Record, *, retry_unknown: bool = False, keys: RecordKeys | None = None) -> Claim:
        """Return what to do with a record. If it is to be sent, the journal says on return that it may have been.

        `retry_unknown` sends a record again that an earlier run may have sent and that has no session. A record is
        refused if its reference (or, without one, its request) appeared before in this run, or if its reference belongs
        to another request that may have been sent. Raises InvalidRequest for a request that cannot be written as JSON.

        A caller that is cancelled meanwhile has not sent the record: the claim is withdrawn. `keys` are the record's
        fingerprints, if they are known.
        """
        operation = ClaimOp(record, keys or self._keys_of(record), self._id, retry_unknown=retry_unknown)
        claim = await self._claim(operation)
        if claim.step is Step.SEND:
            self._claimed[claim.key] = operation
        return claim

    async def claim_known(
        self, record: Record, *, retry_unknown: bool = False, keys: RecordKeys | None = None
    ) -> Claim | None:
        """Return what to do with a record that an earlier run or line had; None if it is to be sent.

        Nothing is written about a record that is to be sent: `claim` it when its request is sent, and not while it
        waits, so that a killed run leaves in doubt only what was in flight.
        """
        if not self._has_records:
            self._process.check()
            return None
        keys = keys or self._keys_of(record)
        claim = await self._claim(ClaimOp(record, keys, self._id, retry_unknown=retry_unknown, defers=True))
        return None if claim.step is Step.SEND else claim

    def _keys_of(self, record: Record) -> RecordKeys:
        _ = self._opened
        assert self._fingerprints is not None
        return self._fingerprints.of(record)

    async def _claim(self, operation: ClaimOp) -> Claim:
        writer = self._opened
        try:
            await writer.write(operation)
        except asyncio.CancelledError:
            if self._writer is writer:  # a writer that is being closed accepts nothing more
                writer.add(ReleaseOp(operation))
            raise
        return operation.claim

    def release(self, claim: Claim) -> None:
        """Withdraw a claim: it is proven that the record was not sent, and it may be claimed again later.

        The journal then says what it said before: that the record was not sent, or what an earlier request left in
        doubt. It is written with the next commit, before any later operation.
        """
        if operation := self._claimed.pop(claim.key, None):
            self._opened.add(ReleaseOp(operation))

    def record_session(self, claim: Claim, session_id: str) -> None:
        """Note the session id of a record; it is written with the next commit, before any later operation."""
        self._opened.add(RecordSessionOp(claim, session_id))

    async def settle(self, claim: Claim | None, outcome: Outcome) -> Outcome:
        """Write an outcome and return it with its entry: on return it is in the journal.

        It is written even if the caller is cancelled. Without a `claim`, and for a claim that was refused, it is the
        outcome of the line.
        """
        settled, writing = self.settle_nowait(claim, outcome)
        await writing
        return settled

    def settle_nowait(self, claim: Claim | None, outcome: Outcome) -> tuple[Outcome, asyncio.Future[None]]:
        """Write an outcome; return it with its entry, and a future that is done when it is in the journal."""
        writer = self._opened
        entry = self._entry + 1
        operation = RefuseOp(outcome, entry) if claim is None or not claim.has_row else SettleOp(claim, outcome, entry)
        self._entry = entry
        if claim is not None and isinstance(operation, SettleOp):
            self._claimed.pop(claim.key, None)
        return replace(outcome, entry=entry_name(self._id, entry)), writer.write(operation)

    async def export(
        self, take: Callable[[Outcome], None], *, only_final: bool = False, is_complete: bool = False
    ) -> None:
        """Pass every outcome to `take`, in the order of the lines. `take` is called in a thread, and must not wait.

        A record that was claimed and has no outcome is `unknown`. With `only_final`, pass only the outcomes that a run
        does not change any more. If this run has read its whole input, `is_complete` leaves out lines that only an
        earlier input had. Raises JournalError, and what `take` raises.
        """
        await self._opened.run(lambda store: store.export(take, only_final=only_final, is_complete=is_complete))

    async def export_unread(self, take: Callable[[Outcome], None]) -> None:
        """Pass the outcomes of the records that this run has not read to `take`, as `export` does.

        They are final or in doubt: a record that was not sent, and is not read, is none of this run. After a run that
        has read its whole input, they are those of records that are no longer in it.
        """
        await self._opened.run(lambda store: store.export_unread(take))

    async def require_exported(self, output: Path, entries: Callable[[], Mapping[str, int]]) -> None:
        """Check that a file of results is an export of this journal.

        `entries` is called in a thread, and returns the last entry in the file by the id of its journal. Raises
        BatchFileError if the file knows of more than the journal, or of another journal: other records may have been
        sent, too.
        """
        await self._opened.run(lambda store: store.require_exported(output, entries()))

    async def require_defaults(self, content: bytes) -> None:
        """Check that the records of this journal shared these members; empty for none.

        Raises BatchFileError for others, unless no record may have been sent.
        """
        fingerprints = self._fingerprints
        assert fingerprints is not None
        fingerprint = fingerprints.of_defaults(content).hex() if content else ""
        await self._opened.run(lambda store: store.require_defaults(fingerprint))

    async def counts(self) -> Mapping[BatchResult | None, int]:
        """Return the number of records by result; None counts those that were claimed and not settled."""
        return await self._opened.run(JournalStore.counts)

    async def purge(self, older_than: float) -> int:
        """Remove the payment data (cryptogram, ECI, xid) of outcomes older than some seconds; return their number.

        They are overwritten in the file and its log. What keeps a record from being sent twice stays. A later export
        lacks what was removed. Raises ConfigurationError for a time below 0 or without an end, and JournalError.
        """
        if not (math.isfinite(older_than) and older_than >= 0):
            raise ConfigurationError("older_than must be a number of seconds from 0 on")
        before = max(0, time.time_ns() // 1000 - int(older_than * 1_000_000))
        return await self._opened.run(lambda store: store.purge(before))

    @property
    def _opened(self) -> JournalWriter:
        if self._writer is None:
            raise BatchFileError(f"the journal {self._path} is not open: use `async with`")
        self._process.check()
        return self._writer
