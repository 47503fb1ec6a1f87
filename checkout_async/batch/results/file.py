"""The output file of a run: only its owner may read it, and it always consists of whole rows.

Each result is on disk, or in the pipe, before the next one. A row that could not be written completely is removed
again. The file contains cryptograms, which are payment data.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from checkout_async.batch.arrow import require_parquet
from checkout_async.batch.formats import GZIP_SUFFIX, Format, format_of
from checkout_async.batch.outcome import Outcome
from checkout_async.batch.results.line_set import LineSet
from checkout_async.batch.results.rows import encode, header, outcomes_in
from checkout_async.batch.results.spool import in_parquet, spool_of, to_parquet
from checkout_async.batch.sources.lines import chunks_now
from checkout_async.errors import BatchFileError
from checkout_async.files import OWNER_ONLY, atomic_write

__all__ = ["ResultFile"]


class ResultFile:
    """An open output file. Call `finish` at the end of a run; without it, Parquet stays a spool to resume from."""

    def __init__(self, file: io.FileIO, format_: Format, place: _OutputPaths | None = None) -> None:
        self._file = file
        self._format = format_
        self._place = place
        self._is_regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)

    @staticmethod
    def check(path: Path, format_: Format | None = None) -> None:
        """Raise BatchFileError if an output cannot have this name and format."""
        _OutputPaths.of(path, format_)

    @classmethod
    def create(cls, path: Path, format_: Format | None = None, *, force: bool = False) -> Self:
        """Create the file with mode 0600. An existing one is refused, or with `force` emptied and made private.

        Without a `format_`, the suffix of the name selects it. Raises BatchFileError.
        """
        place = _OutputPaths.of(path, format_)
        try:
            results = cls(_created(place, force=force), place.format, place)
            results._begin()
        except OSError as error:
            raise BatchFileError(f"cannot create the output file {path}: {error.strerror}") from None
        return results

    @classmethod
    def standard_output(cls, format_: Format | None = None) -> Self:
        """Write to standard output, which stays open. Raises BatchFileError."""
        found = format_of(None, format_)
        try:
            results = cls(io.FileIO(1, "w", closefd=False), found)
            results._begin()
        except OSError as error:
            raise BatchFileError(f"cannot write to standard output: {error.strerror}") from None
        return results

    @classmethod
    def resume(cls, path: Path, format_: Format | None = None) -> tuple[Self, LineSet]:
        """Open the output of an earlier run, or create it; return it and the lines whose rows stay in it.

        An incomplete last row is removed, and so are rows whose result is not final, since the new run writes them
        again. The file is replaced atomically. Raises BatchFileError; the file is then unchanged.
        """
        path = path.resolve()
        place = _OutputPaths.of(path, format_)
        if not path.exists() and not place.written.exists():
            return cls.create(path, place.format), LineSet()
        try:
            kept = _rewrite(place, path)
            file = io.FileIO(os.open(place.written, os.O_WRONLY), "w")
            file.seek(0, os.SEEK_END)
        except OSError as error:
            raise BatchFileError(f"cannot resume with the output file {path}: {error.strerror}") from None
        return cls(file, place.format, place), kept

    @staticmethod
    def read(path: Path, format_: Format | None = None) -> Iterator[Outcome]:
        """Yield the results of an earlier run, none if there is no output. Blocks; raises BatchFileError."""
        path = path.resolve()
        place = _OutputPaths.of(path, format_)
        if not path.exists() and not place.written.exists():
            return
        try:
            yield from _existing(place, path)
        except OSError as error:
            raise BatchFileError(f"cannot read the output file {path}: {error.strerror}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()

    def write(self, outcome: Outcome) -> None:
        """Write one row. Raises OSError; the file is then as before."""
        self._write(encode(outcome, self._format))

    def finish(self) -> None:
        """Sync the results to the disk and convert them to Parquet if requested. Blocks; raises OSError."""
        if self._is_regular:
            os.fsync(self._file.fileno())
        if self._place is not None and self._place.parquet is not None:
            to_parquet(self._place.written, self._place.parquet)

    def _begin(self) -> None:
        try:
            self._write(header(self._format))
        except OSError:
            self._file.close()
            raise

    def _write(self, row: bytes) -> None:
        start = self._file.tell() if self._is_regular else 0
        left = memoryview(row)
        try:
            while left:
                left = left[self._file.write(left) or 0 :]
        except OSError:
            if self._is_regular:
                self._file.truncate(start)
                self._file.seek(start)
            raise


@dataclass(frozen=True, slots=True)
class _OutputPaths:
    """The files of an output: the run writes to `written`, and at the end to `parquet` if that is requested."""

    format: Format
    written: Path
    parquet: Path | None = None

    @classmethod
    def of(cls, path: Path, given: Format | None) -> Self:
        if path.suffix.lower() == GZIP_SUFFIX:
            raise BatchFileError(f"results are not compressed; name the output file without {GZIP_SUFFIX}: {path}")
        found = format_of(path, given)
        if found is not Format.PARQUET:
            return cls(found, path)
        require_parquet()
        if path.exists() and not path.is_file():
            raise BatchFileError(f"Parquet needs a regular file, and {path} is not one")
        return cls(found, spool_of(path), path)


def _created(place: _OutputPaths, *, force: bool) -> io.FileIO:
    """Create the file to write to. Raises OSError."""
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if force else os.O_EXCL)
    in_the_way = next((each for each in (place.parquet, place.written) if each and each.exists()), None)
    if in_the_way and not force:
        raise BatchFileError(f"{in_the_way} exists; name another output file, or replace it with --force")
    file = io.FileIO(os.open(place.written, flags, OWNER_ONLY), "w")
    if place.parquet:
        place.parquet.unlink(missing_ok=True)
    if place.written.is_file():
        place.written.chmod(OWNER_ONLY)
    return file


def _rewrite(place: _OutputPaths, path: Path) -> LineSet:
    """Rewrite the file with the rows that stay, and return their lines."""
    kept = LineSet()
    with atomic_write(place.written) as file:
        file.write(header(place.format))
        for outcome in _existing(place, path):
            if outcome.result.is_final:
                kept.add(outcome.line)
                file.write(encode(outcome, place.format))
    return kept


def _existing(place: _OutputPaths, path: Path) -> Iterator[Outcome]:
    """Yield the existing results; a spool is newer than the Parquet file next to it."""
    if place.parquet and not place.written.exists():
        yield from in_parquet(path)
        return
    if not place.written.is_file():
        raise BatchFileError(f"{place.written} is not a file to resume from")
    with io.FileIO(place.written) as file:
        yield from outcomes_in(place.written, chunks_now(file), place.format)
