"""The part of pyarrow that reading and writing Parquet needs: typed, and imported only when it is used."""

from __future__ import annotations

import errno
import importlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import BinaryIO, Final, Protocol, cast

from checkout_async.errors import MissingExtra
from checkout_async.redaction import sanitize

__all__ = [
    "Batch",
    "Column",
    "DataType",
    "ParquetReader",
    "ParquetWriter",
    "arrow_errors",
    "open_parquet",
    "require_parquet",
]

_BUFFER: Final = 1 << 20


class DataType(Protocol):
    """A type of Arrow; `str` names it. A struct has fields, a list or a dictionary a `value_type`."""

    @property
    def num_fields(self) -> int:
        """The number of fields."""
        ...

    @property
    def value_type(self) -> DataType:
        """The type of the items."""
        ...

    def field(self, index: int, /) -> Column:
        """Return a field."""
        ...


class Column(Protocol):
    """A column of a table, or a field of a struct."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def type(self) -> DataType:
        """Its type."""
        ...


class Cells(Protocol):
    """The values of a column, in some rows."""

    def to_pylist(self) -> list[object]:
        """Return them as Python values. Raises ValueError or OverflowError for a value that Python cannot represent."""
        ...


class Batch(Protocol):
    """Some rows of a table."""

    @property
    def num_rows(self) -> int:
        """The number of rows."""
        ...

    def slice(self, offset: int, length: int, /) -> Batch:
        """Return a range of the rows."""
        ...

    def column(self, index: int, /) -> Cells:
        """Return a column of these rows."""
        ...

    def to_pylist(self) -> list[dict[str, object]]:
        """Return the rows as Python values by column. Raises ValueError or OverflowError as `Cells.to_pylist` does."""
        ...


class _RowGroup(Protocol):
    @property
    def num_rows(self) -> int: ...


class _Metadata(_RowGroup, Protocol):
    @property
    def num_row_groups(self) -> int: ...

    def row_group(self, index: int, /) -> _RowGroup: ...


class ParquetReader(Protocol):
    """An open Parquet file."""

    @property
    def schema_arrow(self) -> Sequence[Column]:
        """The columns."""
        ...

    @property
    def metadata(self) -> _Metadata:
        """The metadata of the file."""
        ...

    def iter_batches(self, batch_size: int, *, row_groups: Sequence[int] | None = None) -> Iterator[Batch]:
        """Read the rows in batches, of all row groups or of these."""
        ...

    def close(self) -> None:
        """Close the file."""
        ...


class _ArrowWriter(Protocol):
    def write_batch(self, batch: object) -> None: ...

    def close(self) -> None: ...


class ParquetWriter:
    """Writes rows into a Parquet file, a row group for each call. Without `close` the file is unreadable."""

    def __init__(self, file: BinaryIO, columns: Mapping[str, type]) -> None:
        self._arrow = _module("pyarrow")
        types = {int: self._arrow.int64(), float: self._arrow.float64(), bool: self._arrow.bool_()}
        text = self._arrow.string()
        self._schema = self._arrow.schema([(name, types.get(type_, text)) for name, type_ in columns.items()])
        self._writer = cast("_ArrowWriter", _module("pyarrow.parquet").ParquetWriter(file, self._schema))

    def write(self, rows: Sequence[Mapping[str, object]]) -> None:
        """Write a row group. Columns that a row lacks are null."""
        self._writer.write_batch(self._arrow.RecordBatch.from_pylist(rows, schema=self._schema))

    def close(self) -> None:
        """Write the footer of the file."""
        self._writer.close()


def _module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise MissingExtra("Parquet needs pyarrow: pip install 'checkout-async[parquet]'") from None


def require_parquet() -> None:
    """Raise MissingExtra that names the extra if pyarrow is missing."""
    _module("pyarrow.parquet")


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


def open_parquet(path: Path) -> ParquetReader:
    """Open a Parquet file for reading in bounded memory. Raises OSError; MissingExtra without pyarrow."""
    parquet = _module("pyarrow.parquet")
    with arrow_errors():
        return cast("ParquetReader", parquet.ParquetFile(path, buffer_size=_BUFFER, pre_buffer=False))
