"""A batch and its workers: each worker is a process that authenticates the batch with its journal and its results.

Two workers may run the same batch, as two runs of cron do that overlap: one of them has the journal, and the other is
refused until the first one ends or dies. A crash may come in the middle of a commit or of a result.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import simloom

from checkout_async import CheckoutClient, batch, errors
from checkout_async.batch import Outcome
from checkout_async.batch.records import Record
from checkout_async.batch.results import OutputFile
from tests.simulation.disk import Disk
from tests.simulation.process import Process
from tests.simulation.shop import session_request

RECORDS: Final = 16
_MOST_RUNS: Final = 50
_OPTIONS: Final = batch.BatchOptions(concurrency=4)


@dataclass
class Batch:
    """One batch: its records, its files, and what its workers reported, which outlives their crashes."""

    folder: Path
    disk: Disk
    rows: list[Outcome] = field(default_factory=list[Outcome])
    """The outcomes that came out of the runs, in order."""
    workers: set[str] = field(default_factory=set[str])
    """The hosts that have the journal open, or that are opening or closing it."""
    holder: str = ""
    """The host that has the journal open."""
    refusals: int = 0
    """How often the journal was in use."""
    objections: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        self.journal = self.folder / "journal"
        self.output = self.folder / ("results.jsonl", "results.csv")[simloom.draw("batch.format", 2)]
        requests = [session_request(f"batch-{line}") for line in range(1, RECORDS + 1)]
        self.records = [Record.of(line, request) for line, request in enumerate(requests, 1)]

    @property
    def is_finished(self) -> bool:
        """Whether no run can do more: each record has a final outcome, or one that only a person can settle."""
        results = {row.line: row for row in self.rows}
        return len(results) == RECORDS and not any(_may_be_settled(row) for row in results.values())

    async def run_once(self, checkout: CheckoutClient, host: str) -> None:
        """Run the batch once, and write its results, as docs/batch.md shows it."""
        self.workers.add(host)
        try:
            async with batch.Journal(self.journal, create=not self.output.exists()) as journal:
                if self.holder:
                    self.objections.append(f"{self.holder} and {host} had the journal open at once")
                self.holder = host
                try:
                    await self._run(checkout, journal)
                finally:
                    self.holder = ""
        except errors.JournalInUse:
            self.refusals += 1
            if self.workers == {host}:
                self.objections.append(f"{host} was refused a journal that nobody used")
        finally:
            self.workers.discard(host)

    async def _run(self, checkout: CheckoutClient, journal: batch.Journal) -> None:
        output, reported = await OutputFile.resume(self.output, journal), set[int]()
        with output:
            async with aclosing(batch.run(checkout, self.records, options=_OPTIONS, journal=journal)) as outcomes:
                async for outcome in outcomes:
                    self.rows.append(outcome)
                    reported.add(outcome.line)
                    if not (outcome.replayed and outcome.result.is_final):
                        output.write(outcome)
            await output.finish(journal)
        if len(reported) != RECORDS:
            self.objections.append(f"a run reported {len(reported)} of {RECORDS} records, and ended as if it had all")

    def lose_a_worker(self, host: str) -> None:
        """Leave the files as the crash of a worker does."""
        self.disk.cut_power(host, self.journal)
        if self.holder == host:
            self.holder = ""
            self.disk.tear(self.output)
        self.workers.discard(host)

    async def read_journal(self) -> list[Outcome]:
        """Return what the journal says in the end."""
        outcomes: list[Outcome] = []
        try:
            async with batch.Journal(self.journal) as journal:
                await journal.export(outcomes.append)
        except errors.CheckoutError as error:
            self.objections.append(f"the journal cannot be read in the end: {type(error).__name__}")
        return outcomes


@dataclass(kw_only=True)
class Worker(Process):
    """Runs a batch until it is finished."""

    batch: Batch
    delay: int = 0
    """Seconds until it starts."""

    def lose_the_process(self) -> None:
        """Leave the files to the next process, as the power cut has left them."""
        self.batch.lose_a_worker(self.host)
        super().lose_the_process()

    async def work(self) -> None:
        """Run the batch, and again while something is left to do: while calls fail, or a session is not final."""
        await asyncio.sleep(self.delay)
        for _ in range(_MOST_RUNS):
            checkout = self.checkout
            try:
                await self.batch.run_once(checkout, self.host)
            except (errors.JournalError, errors.BatchFileError):
                raise
            except errors.CheckoutError:
                pass  # the run ended early, for example because an outage lasted too long
            if self.batch.is_finished:
                break
            await self.replace_closed(checkout)
            await asyncio.sleep(300)


def _may_be_settled(row: Outcome) -> bool:
    """Return whether another run may give the record a final outcome: it was not sent, or its session can be read."""
    return not row.result.is_final and (row.result != "unknown" or row.session_id is not None)
