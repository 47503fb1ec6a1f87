"""`checkout-async authenticate --scheduler`: runs on a Dask cluster, prints progress lines and handles signals."""

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

from checkout_async.batch.cluster import PartitionSettings, RunPaths
from checkout_async.batch.command.interrupt import handled_signals
from checkout_async.batch.command.job import SOME_UNFINISHED, STOPPED_EARLY, Job
from checkout_async.batch.dask import ClusterProgress, run_file
from checkout_async.batch.files import require_distinct_files
from checkout_async.batch.formatting import format_count
from checkout_async.batch.outcome import BatchResult
from checkout_async.batch.report import Report, check_report_path, table
from checkout_async.errors import ConfigurationError, RunIncomplete

__all__ = ["ClusterJob"]

_EVERY: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterJob:
    """A job for the cluster whose scheduler has this address; `batch.dask.run_file` describes the rest.

    Of the `job` it uses the files and the streams.
    """

    scheduler: str
    job: Job
    settings: PartitionSettings
    folder: Path | None = None
    partitions: int | None = None

    def run(self) -> int:
        """Run to the end and return the exit code. Raises ConfigurationError before anything is sent."""
        job = self.job
        self._check()
        with _stop_on_signals() as (stop, received):
            try:
                report = self._run(stop)
            except RunIncomplete as incomplete:
                print(f"stopped: {incomplete}", file=job.stderr, flush=True)
                return 128 + received[0] if received else STOPPED_EARLY
            except KeyboardInterrupt:
                print("stopped; to continue, run the same command with --resume", file=job.stderr, flush=True)
                return 128 + signal.SIGINT
        self._tell_rejects(report)
        print(table(report), file=job.stdout, flush=True)
        if not report.records:
            print("the input has no records", file=job.stderr, flush=True)
        is_written = job.write_report(report)
        return 0 if is_written and report.records and not report.unfinished else SOME_UNFINISHED

    def _tell_rejects(self, report: Report) -> None:
        rejects = self.job.files.rejects
        invalid = report.results.get(BatchResult.INVALID, 0)
        if rejects is None or not invalid:
            return
        if not report.replayed:
            text = f"{format_count(invalid)} rejected records are in {rejects}, to be corrected"
        elif not rejects.exists():
            text = (
                f"the run was complete before, so {rejects} was not written: run the same command without --scheduler, "
                "--partitions and --folder"
            )
        else:
            return
        print(text, file=self.job.stderr, flush=True)

    def _check(self) -> None:
        job = self.job
        if job.files.resume and job.files.force:
            raise ConfigurationError("--resume continues an earlier run, --force replaces it: choose one")
        if job.report is not None:
            check_report_path(job.report)
        job.files.check_rejects()
        paths = self._paths
        named = {"input": paths.input, "output": paths.output, "journal": paths.journal, "report": job.report}
        require_distinct_files(named)

    @property
    def _paths(self) -> RunPaths:
        files = self.job.files
        if files.input is None or files.output is None:
            raise ConfigurationError("a run on a cluster needs files, not standard input or output")
        return RunPaths.of(files.input, files.output, journal=files.journal, folder=self.folder)

    def _run(self, stop: threading.Event) -> Report:
        job, paths = self.job, self._paths
        return run_file(
            self.scheduler,
            paths.input,
            paths.output,
            journal=paths.journal,
            folder=paths.folder,
            defaults=job.files.defaults,
            rejects=job.files.rejects,
            input_format=job.files.input_format,
            output_format=job.files.output_format,
            partitions=self.partitions,
            settings=self.settings,
            force=job.files.force,
            resume=job.files.resume,
            stop=stop,
            on_progress=_Lines(job.stderr),
        )


class _Lines:
    """Prints a line every few seconds, and one at the end."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._shown = time.monotonic()

    def __call__(self, progress: ClusterProgress) -> None:
        is_last = progress.finished == progress.partitions
        if not is_last and time.monotonic() - self._shown < _EVERY:
            return
        self._shown = time.monotonic()
        of = "" if progress.records is None else f" of {format_count(progress.records)}"
        print(
            f"{format_count(progress.done)}{of} records, "
            f"{progress.finished} of {progress.partitions} partitions finished",
            file=self._stream,
            flush=True,
        )


@contextmanager
def _stop_on_signals() -> Generator[tuple[threading.Event, list[int]]]:
    stop, received = threading.Event(), list[int]()

    def handle(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        stop.set()

    previous = {number: signal.signal(number, handle) for number in handled_signals() if number != signal.SIGINT}
    try:
        yield stop, received
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
