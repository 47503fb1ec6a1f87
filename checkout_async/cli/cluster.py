"""`checkout-async authenticate --scheduler`: the run on a Dask cluster, with progress on lines and signals heard."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final, TextIO

from checkout_async.batch.cluster import PartitionSettings
from checkout_async.batch.command.execution import SOME_UNFINISHED, STOPPED_EARLY
from checkout_async.batch.dask import ClusterProgress, authenticate
from checkout_async.batch.formats import Format
from checkout_async.batch.report import table
from checkout_async.batch.report.file import check_report_path, write_report
from checkout_async.batch.wording import number
from checkout_async.errors import RunIncomplete

__all__ = ["ClusterJob"]

_EVERY: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterJob:
    """A run on the cluster whose scheduler has this address; `batch.dask.authenticate` describes the rest."""

    scheduler: str
    source: Path
    target: Path
    settings: PartitionSettings
    messages: TextIO
    tables: TextIO
    source_format: Format | None = None
    target_format: Format | None = None
    journal: Path | None = None
    folder: Path | None = None
    partitions: int | None = None
    resume: bool = False
    force: bool = False
    report: Path | None = None

    def run(self) -> int:
        """Run to the end and return the exit code. Raises ConfigurationError before anything is sent."""
        if self.report is not None:
            check_report_path(self.report)
        with _stop_on_sigterm() as stop:
            try:
                report = authenticate(
                    self.scheduler,
                    self.source,
                    self.target,
                    journal=self.journal,
                    folder=self.folder,
                    source_format=self.source_format,
                    target_format=self.target_format,
                    partitions=self.partitions,
                    settings=self.settings,
                    force=self.force,
                    resume=self.resume,
                    stop=stop,
                    on_progress=_Lines(self.messages),
                )
            except RunIncomplete as incomplete:
                print(f"stopped: {incomplete}", file=self.messages, flush=True)
                return 128 + signal.SIGTERM if stop.is_set() else STOPPED_EARLY
            except KeyboardInterrupt:
                print("stopped; go on with the same command and --resume", file=self.messages, flush=True)
                return 128 + signal.SIGINT
        print(table(report), file=self.tables, flush=True)
        if self.report is not None:
            write_report(report, self.report)
        return SOME_UNFINISHED if report.unfinished else 0


class _Lines:
    """A line every few seconds, and one at the end."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._shown = time.monotonic()

    def __call__(self, progress: ClusterProgress) -> None:
        is_last = progress.finished == progress.partitions
        if not is_last and time.monotonic() - self._shown < _EVERY:
            return
        self._shown = time.monotonic()
        print(
            f"{number(progress.done)} of {number(progress.records)} records, "
            f"{progress.finished} of {progress.partitions} partitions finished",
            file=self._stream,
            flush=True,
        )


@contextmanager
def _stop_on_sigterm() -> Generator[threading.Event]:
    stop = threading.Event()

    def handle(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    previous = signal.signal(signal.SIGTERM, handle)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGTERM, previous)
