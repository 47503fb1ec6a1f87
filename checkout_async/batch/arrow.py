"""Parquet files by pyarrow, which is imported only when it is used."""

from __future__ import annotations

import errno
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from checkout_async.errors import MissingExtra
from checkout_async.redaction import sanitize

if TYPE_CHECKING:
    from pyarrow import RecordBatch
    from pyarrow.parquet import ParquetFile

__all__ = ["ParquetCopy", "ParquetWriter", "arrow_errors", "open_parquet", "read_batches", "require_parquet"]

_BUFFER: Final = 1 << 20
_ROWS_AT_ONCE: Final = 1024


class ParquetWriter:
    """Writes rows into a Parquet file, a row group for each call. Without `close` the file is unreadable."""

    def __init__(self, file: BinaryIO, columns: Mapping[str, type]) -> None:
        require_parquet()
        import pyarrow as pa
        from pyarrow import parquet

        types: dict[type, pa.DataType] = {int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
        self._schema = pa.schema([(name, types.get(type_, pa.string())) for name, type_ in columns.items()])
        self._rows_of = pa.RecordBatch.from_pylist
        self._writer = parquet.ParquetWriter(file, self._schema)

    def write(self, rows: Sequence[Mapping[str, object]]) -> None:
        """Write a row group. Columns that a row lacks are null."""
        self._writer.write_batch(self._rows_of(rows, schema=self._schema))

    def close(self) -> None:
        """Write the footer of the file."""
        self._writer.close()


class ParquetCopy:
    """Copies rows of a Parquet file with this Schema into another one, each with a text in a first column.

    A column of that name in the rows is left out. Without `close` the file is unreadable.
    """

    def __init__(self, file: BinaryIO, schema: Any, column: str) -> None:
        # Its stubs leave untyped what is used here.
        pa: Any = import_module("pyarrow")
        self._arrow = pa
        self._kept = [index for index, name in enumerate(schema.names) if name != column]
        fields = [pa.field(column, pa.string()), *map(schema.field, self._kept)]
        # With its metadata, by which pandas knows an integer column with gaps.
        self._schema = pa.schema(fields, schema.metadata)
        self._writer = import_module("pyarrow.parquet").ParquetWriter(file, self._schema)
        self._rows: list[Any] = []

    def write(self, row: Any, text: str) -> None:
        """Copy a row, which is a RecordBatch. Raises OSError."""
        values = [self._arrow.array([text], "string"), *(_copied(row.column(index)) for index in self._kept)]
        self._rows.append(self._arrow.RecordBatch.from_arrays(values, schema=self._schema))
        if len(self._rows) >= _ROWS_AT_ONCE:
            self._write_rows()

    def close(self) -> None:
        """Write the footer of the file. Raises OSError."""
        self._write_rows()
        with arrow_errors():
            self._writer.close()

    def _write_rows(self) -> None:
        rows, self._rows = self._rows, []
        with arrow_errors():
            self._writer.write_table(self._arrow.Table.from_batches(rows, schema=self._schema))


def _copied(value: Any) -> Any:
    """Return the one value of an array as an array of its own: a slice keeps all the rows that were read with it."""
    try:
        return value.take([0])
    except NotImplementedError:  # for views of texts, pyarrow cannot
        return value


def require_parquet() -> None:
    """Raise MissingExtra that names the extra if pyarrow is missing."""
    try:
        import_module("pyarrow.parquet")
    except ImportError:
        raise MissingExtra("Parquet needs pyarrow: pip install 'checkout-async[parquet]'") from None


@contextmanager
def arrow_errors() -> Generator[None]:
    """Turn the errors of pyarrow inside the block into OSError with a `strerror`."""
    try:
        yield
    except (OSError, ValueError, OverflowError, NotImplementedError) as error:  # ArrowInvalid is a ValueError
        if isinstance(error, OSError) and error.errno:
            raise
        reason = sanitize(str(error).strip().partition("\n")[0])
    else:
        return
    raise OSError(errno.EBADMSG, f"Parquet: {reason}")


def open_parquet(path: Path) -> ParquetFile:
    """Open a Parquet file for reading in bounded memory. Raises OSError; MissingExtra without pyarrow."""
    require_parquet()
    from pyarrow.parquet import ParquetFile

    with arrow_errors():
        return ParquetFile(path, buffer_size=_BUFFER, pre_buffer=False)


def read_batches(table: ParquetFile, rows: int) -> Iterator[RecordBatch]:
    """Yield the rows of an open file, so many at a time. Raises OSError."""
    with arrow_errors():
        yield from table.iter_batches(rows)  # pyright: ignore[reportUnknownMemberType]  # the stubs have bare lists
