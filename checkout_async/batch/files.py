"""The files of a run: input, output and journal, what they may be, and in which order they are opened.

The journal is next to the output and stays after the run.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread

from checkout_async.batch.defaults import Defaults
from checkout_async.batch.formats import CsvDialect, Format, format_of
from checkout_async.batch.journal import Journal
from checkout_async.batch.journal.database import OLDER_COPY, wal_of
from checkout_async.batch.journal.fingerprint import key_file_of
from checkout_async.batch.journal.opening import remove_journal
from checkout_async.batch.records import InvalidRecord, Record
from checkout_async.batch.rejects import Rejects, check_rejects
from checkout_async.batch.results import OutputFile
from checkout_async.batch.sources import Source, open_source
from checkout_async.batch.streams import is_fifo, require_readable_stream, require_writable_stream
from checkout_async.config import require_type
from checkout_async.errors import BatchFileError, ConfigurationError
from checkout_async.redaction import sanitize

__all__ = [
    "RunFiles",
    "cluster_file",
    "cluster_folder",
    "is_standard_output",
    "require_distinct_files",
    "require_no_cluster_run",
]

_JOURNAL_SUFFIX: Final = ".journal"
_CLUSTER_SUFFIX: Final = ".cluster"

_LOOK_AGAIN: Final = 0.05
"""Seconds between two looks whether a FIFO has a reader: nothing reports it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFiles:
    """The files of a run. An `input` or `output` of None is standard input or output.

    The `journal` is by default `output` with `.journal` appended; a device, a pipe and standard output have none by
    default. `resume` continues an earlier run, or begins if there was none; `force` replaces output and journal.
    `limit` is the number of records of the input to read. `rejects` gets a copy of each invalid record with the reason,
    `defaults` are members that all records share.
    """

    input: Path | None
    output: Path | None
    journal: Path | None = None
    input_format: Format | None = None
    output_format: Format | None = None
    resume: bool = False
    force: bool = False
    limit: int | None = None
    rejects: Path | None = None
    defaults: Path | None = None

    def check(self) -> None:
        """Refuse options and files that do not fit each other. Raises ConfigurationError or BatchFileError."""
        if self.output is None:
            format_of(None, self.output_format)
        else:
            OutputFile.check(self.output, self.output_format)
        if self.limit is not None:
            require_type("limit", self.limit, int)
            if self.limit < 1:
                raise ConfigurationError("limit must be a whole number above 0")
        if self.resume and self.force:
            raise ConfigurationError("resume continues an earlier run, force replaces it: choose one")
        if self.resume and self.journal_path is None:
            raise ConfigurationError("resume needs a journal; with results in a stream, name one (--journal)")
        require_distinct_files(self.named)
        require_writable_stream(self.output)
        self.check_rejects()
        self._check_leftovers()

    def check_rejects(self) -> None:
        """Refuse a rejects file that cannot be written. Raises BatchFileError."""
        if self.rejects is not None:
            found = format_of(self.input, self.input_format)
            check_rejects(self.rejects, found, replace=self.force or self.resume)

    @property
    def named(self) -> dict[str, Path | None]:
        """The files by what they are, for `require_distinct_files`."""
        journal = self.journal_path
        return {
            "input": self.input,
            "defaults": self.defaults,
            "output": self.output,
            "journal": journal,
            "journal's key": journal and key_file_of(journal),
            "journal's log": journal and wal_of(journal),
            "rejects": self.rejects,
        }

    @property
    def journal_path(self) -> Path | None:
        """The path of the journal, if there is one."""
        if self.journal is not None or self.output is None or (self.output.exists() and not self.output.is_file()):
            return self.journal
        return self.output.with_name(self.output.name + _JOURNAL_SUFFIX)

    def open_input(self) -> Source:
        """Open the input. Raises BatchFileError, also if it is the output."""
        require_readable_stream(self.input)
        source = open_source(self.input, self.input_format)
        read = os.fstat(source.fileno())
        written = _status_of(1 if self.output is None else self.output)
        if written is not None and stat.S_ISREG(read.st_mode) and os.path.samestat(read, written):
            source.close()
            raise BatchFileError("the output is the input file; name another one")
        return source

    async def count(self, source: Source) -> int | None:
        """Return the number of records to read; None if it is unknown. Raises BatchFileError."""
        try:
            total = await anyio.to_thread.run_sync(source.total)
        except OSError as error:
            raise BatchFileError(f"cannot read the input file {self.input}: {error.strerror}") from None
        return total if total is None or self.limit is None else min(total, self.limit)

    def read_defaults(self) -> Defaults | None:
        """Read the members that all records share, if there are any. Raises BatchFileError."""
        return None if self.defaults is None else Defaults.read(self.defaults)

    @contextmanager
    def open_rejects(self, source: Source) -> Generator[Rejects | None]:
        """Open the file of rejected records, if there is one. Leaving writes it. Raises BatchFileError."""
        if self.rejects is None:
            yield None
            return
        with Rejects.open(self.rejects, source, format_of(self.input, self.input_format)) as rejects:
            yield rejects

    async def records(self, source: Source, defaults: Defaults | None = None) -> AsyncGenerator[Record | InvalidRecord]:
        """Read the records, up to the limit, with the members that they share."""
        left = count() if self.limit is None else range(self.limit)
        records = source.records()
        for _ in left:
            item = await anext(records, None)
            if item is None:
                return
            yield item if defaults is None else defaults.apply(item)

    @asynccontextmanager
    async def reader_of_output(self, stop: anyio.Event) -> AsyncGenerator[bool]:
        """If the output is a FIFO, wait until something reads it, and keep it open. False if `stop` came first.

        Opening a FIFO blocks until then, and would not be interrupted by a signal. Raises BatchFileError.
        """
        if self.output is None or not is_fifo(self.output):
            yield True
            return
        descriptor = await _first_writer(self.output, stop)
        try:
            yield descriptor is not None
        finally:
            if descriptor is not None:
                os.close(descriptor)

    async def open_journal(self, opened: AsyncExitStack, defaults: Defaults | None = None) -> Journal | None:
        """Open the journal, if there is one. Raises BatchFileError, also if it belongs to other defaults."""
        path = self.journal_path
        if path is None:
            return None
        if self.force:
            self._remove_journal(path)
        # The output of a run is made after its journal.
        journal = await opened.enter_async_context(Journal(path, create=self.force or not self._has_output()))
        await journal.require_defaults(b"" if defaults is None else defaults.content)
        return journal

    async def open_output(self, journal: Journal | None, dialect: CsvDialect | None) -> OutputFile:
        """Open the output. To resume, it gets the final outcomes that are in the journal. Raises BatchFileError."""
        dialect = dialect or CsvDialect()
        if self.output is not None and self.resume and journal is not None:
            return await OutputFile.resume(self.output, journal, self.output_format, dialect)
        if self.output is not None:
            return OutputFile.create(self.output, self.output_format, force=self.force, dialect=dialect)
        return OutputFile.standard_output(self.output_format or Format.JSONL, dialect)

    def _check_leftovers(self) -> None:
        """Refuse files of an earlier run, before this run creates a journal that would pass for that run's journal."""
        journal = self.journal_path
        if self.output is not None and not self.force:
            require_no_cluster_run(self.output)
        if self.resume and self._has_output() and journal is not None and not journal.exists():
            raise BatchFileError(
                f"{self.output} exists but its journal {journal} does not, so nothing says what was sent. Continue "
                f"with the journal that the last run wrote. {OLDER_COPY}; --force, or another output file, sends all "
                "of them"
            )
        if self.resume or self.force:
            return
        if journal is not None and journal.exists():
            raise BatchFileError(
                f"the journal {journal} of an earlier run exists; continue that run with --resume, or replace the "
                "journal and what it knows with --force"
            )
        if self._has_output():
            raise BatchFileError(f"{self.output} exists; name another output file, or replace it with --force")

    def _remove_journal(self, path: Path) -> None:
        try:
            remove_journal(path)
            if self.output is not None:
                cluster_file(self.output).unlink(missing_ok=True)
        except OSError as error:
            raise BatchFileError(f"cannot replace the journal {path}: {error.strerror}") from None

    def _has_output(self) -> bool:
        return self.output is not None and self.output.is_file()


async def _first_writer(fifo: Path, stop: anyio.Event) -> int | None:
    while not stop.is_set():
        try:
            return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise BatchFileError(f"cannot write to {fifo}: {error.strerror}") from None
        with anyio.move_on_after(_LOOK_AGAIN):
            await stop.wait()
    return None


def cluster_file(output: Path) -> Path:
    """Return the path of the file that names the folder of a run on many machines whose results are not gathered yet.

    It is next to the output, so that it is found whatever the folder and the journal are.
    """
    return output.with_name(output.name + _CLUSTER_SUFFIX)


def cluster_folder(output: Path) -> str | None:
    """Return the folder of a run on many machines for an output; None without such a run. Raises BatchFileError."""
    path = cluster_file(output)
    try:
        return path.read_text("utf-8", "replace").strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return None
        raise BatchFileError(f"cannot read {path}: {error.strerror}") from None


def require_no_cluster_run(output: Path) -> None:
    """Refuse to begin a run that has begun on many machines: only the journals of its partitions know what was sent.

    Raises BatchFileError.
    """
    if (folder := cluster_folder(output)) is not None:
        raise BatchFileError(
            f"a run on many machines for this output has not ended; its folder is {sanitize(folder)}. Nothing was "
            "sent. Continue that run with --scheduler and --resume; --force sends all records again"
        )


def require_distinct_files(named: Mapping[str, Path | None]) -> None:
    """Raise BatchFileError if two of these are the same file, links included; the keys name them in the message."""
    places: dict[object, str] = {}
    for name, path in named.items():
        if path is not None and (other := places.setdefault(_identity(path), name)) != name:
            raise BatchFileError(f"the {name} is the {other} file; name another one")


def is_standard_output(path: Path) -> bool:
    """Whether a path leads to the pipe or device that is standard output, as `/dev/stdout` may."""
    status, standard = _status_of(path), _status_of(1)
    if status is None or standard is None:
        return False
    return not stat.S_ISREG(status.st_mode) and os.path.samestat(status, standard)


def _identity(path: Path) -> object:
    status = _status_of(path)
    is_file = status is not None and stat.S_ISREG(status.st_mode)
    return (status.st_dev, status.st_ino) if status is not None and is_file else os.path.realpath(path)


def _status_of(file: int | Path) -> os.stat_result | None:
    try:
        return os.stat(file)  # noqa: PTH116  # a Path has no such method for descriptors
    except OSError:
        return None
