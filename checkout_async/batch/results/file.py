"""The output file of a run: an export of its journal, which only its owner may read.

Rows of JSON Lines and CSV are appended while the run goes on, each on disk or in the pipe before the next one. At the
end, and when a run is resumed, the file is written anew from the journal and renamed. Parquet is written at the end
only. The file contains cryptograms, which are payment data.
"""

from __future__ import annotations

import asyncio
import io
import os
import stat
from pathlib import Path
from types import TracebackType
from typing import Self

from checkout_async.batch.arrow import require_parquet
from checkout_async.batch.formats import GZIP_SUFFIX, CsvDialect, Format, format_of
from checkout_async.batch.journal import Journal
from checkout_async.batch.outcome import Outcome
from checkout_async.batch.results.rows import DEFAULT_DIALECT, encode, entries_in, header, row_writer
from checkout_async.errors import BatchFileError
from checkout_async.files import OWNER_ONLY, atomic_write, file_error

__all__ = ["OutputFile"]


class OutputFile:
    """An open output. Call `finish` at the end of a run; a run that is killed before leaves the rows written so far.

    CSV has the `dialect` of the input, so that the program that wrote the input opens it.
    """

    def __init__(
        self,
        file: io.FileIO | None,
        format_: Format,
        path: Path | None = None,
        dialect: CsvDialect = DEFAULT_DIALECT,
    ) -> None:
        # None for Parquet, which is written at the end.
        self._file = file
        self._format = format_
        self._dialect = dialect
        # The path of a regular file. Anything else is a stream, to which each row is written once.
        self._path = path if file is None or stat.S_ISREG(os.fstat(file.fileno()).st_mode) else None

    @staticmethod
    def check(path: Path, format_: Format | None = None) -> Format:
        """Return the format of an output. Raises BatchFileError if it cannot have this name and format."""
        if path.suffix.lower() == GZIP_SUFFIX:
            raise BatchFileError(f"results are not compressed; name the output file without {GZIP_SUFFIX}: {path}")
        found = format_of(path, format_)
        if found is Format.PARQUET:
            require_parquet()
            if path.exists() and not path.is_file():
                raise BatchFileError(f"Parquet needs a regular file, and {path} is not one")
        return found

    @classmethod
    def create(
        cls,
        path: Path,
        format_: Format | None = None,
        *,
        force: bool = False,
        dialect: CsvDialect = DEFAULT_DIALECT,
    ) -> Self:
        """Create the file with mode 0600. An existing one is refused, or with `force` emptied and made private.

        Without a `format_`, the suffix of the name selects it. Raises BatchFileError.
        """
        found = cls.check(path, format_)
        if path.is_file() and not force:
            raise BatchFileError(f"{path} exists; name another output file, or replace it with --force")
        named, path = path, _resolved(path)
        try:
            flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if force or path.exists() else os.O_EXCL)
            file = io.FileIO(os.open(path, flags, OWNER_ONLY), "w")
            if path.is_file():
                path.chmod(OWNER_ONLY)
            if found is Format.PARQUET:
                # Now it is known that it can be written. An empty file would pass for an output of another run.
                file.close()
                path.unlink()
                return cls(None, found, path)
            output = cls(file, found, path, dialect)
            output._begin(file)
        except OSError as error:
            raise file_error(f"cannot create the output file {named}", error) from None
        return output

    @classmethod
    def standard_output(cls, format_: Format | None = None, dialect: CsvDialect = DEFAULT_DIALECT) -> Self:
        """Write to standard output, which stays open. Raises BatchFileError."""
        found = format_of(None, format_)
        try:
            file = io.FileIO(1, "w", closefd=False)
            output = cls(file, found, dialect=dialect)
            output._begin(file)
        except OSError as error:
            raise file_error("cannot write to standard output", error) from None
        return output

    @classmethod
    async def resume(
        cls,
        path: Path,
        journal: Journal,
        format_: Format | None = None,
        dialect: CsvDialect = DEFAULT_DIALECT,
    ) -> Self:
        """Open the output of an earlier run, or create it, with the outcomes in the journal that will not change.

        Raises BatchFileError if the file knows of more than the journal, or cannot be read or written. It is then
        unchanged.
        """
        found = cls.check(path, format_)
        file = _resolved(path)
        try:
            if file.is_file():
                await journal.require_exported(path, lambda: entries_in(file, found))
                output = cls(None if found is Format.PARQUET else _opened(file), found, file, dialect)
            else:
                output = cls.create(path, found, force=True, dialect=dialect)
            try:
                await output.begin_resumed(journal)
            except BaseException:
                output.close()
                raise
        except OSError as error:
            raise file_error(f"cannot resume with the output file {path}", error) from None
        return output

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    @property
    def is_stream(self) -> bool:
        """Whether this is a pipe, a device or standard output. It gets each row once."""
        return self._path is None

    async def begin_resumed(self, journal: Journal) -> None:
        """Write the outcomes of earlier runs that will not change into a file. Raises OSError.

        A stream gets each of them when its record is read again, and only then the line that the record has now.
        """
        if self._path is not None and self._format is not Format.PARQUET:
            await self._write_anew(journal, self._path, only_final=True)

    def write(self, outcome: Outcome) -> None:
        """Write one row; Parquet gets it at the end. Raises OSError; a file is then as before."""
        if self._file is not None:
            self._write(self._file, encode(outcome, self._format, self._dialect))

    async def finish(self, journal: Journal | None, *, is_complete: bool = True) -> None:
        """Write a file anew from the journal, in the order of the lines; `is_complete` if the whole input was read.

        A stream gets the outcomes of records that this run has not read. Raises OSError; a file is then as before.
        """
        if self._path is None and journal is not None:
            await journal.export_unread(self.write)
        elif self._path is not None and journal is not None:
            await self._write_anew(journal, self._path, is_complete=is_complete)
        elif self._path is not None and self._file is not None:
            os.fsync(self._file.fileno())

    async def _write_anew(
        self, journal: Journal, path: Path, *, only_final: bool = False, is_complete: bool = False
    ) -> None:
        with atomic_write(path) as file, row_writer(file, self._format, self._dialect) as write:
            exporting = asyncio.ensure_future(journal.export(write, only_final=only_final, is_complete=is_complete))
            try:
                await asyncio.shield(exporting)
            except asyncio.CancelledError:
                # The journal's thread still writes: the file must not be closed before it ends.
                await asyncio.wait([exporting])
                raise
        if self._file is not None:
            self._file.close()
            self._file = _opened(path)

    def _begin(self, file: io.FileIO) -> None:
        try:
            self._write(file, header(self._format, self._dialect))
        except OSError:
            file.close()
            raise

    def _write(self, file: io.FileIO, row: bytes) -> None:
        start = file.tell() if self._path is not None else 0
        left = memoryview(row)
        try:
            while left:
                left = left[file.write(left) or 0 :]
        except OSError:
            if self._path is not None:
                file.truncate(start)
                file.seek(start)
            raise


def _resolved(path: Path) -> Path:
    """Return the file that a link stands for: renaming another file to the link would replace the link.

    A device or a pipe keeps its name: what `/dev/stdout` stands for may have none (`/proc/1/fd/pipe:[23]`).
    """
    return path if path.exists() and not path.is_file() else path.resolve()


def _opened(path: Path) -> io.FileIO:
    """Open a file to append to it. Raises OSError."""
    file = io.FileIO(os.open(path, os.O_WRONLY), "w")
    file.seek(0, os.SEEK_END)
    return file
