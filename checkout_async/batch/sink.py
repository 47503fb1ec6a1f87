"""Where results go: a file that only its owner may read, each result on disk or in the pipe before the next one.

The file holds cryptograms, which are payment data. A result that could not be written completely is taken back, so
that the file always consists of whole lines.
"""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path
from types import TracebackType
from typing import Self

from checkout_async.batch.outcome import Outcome, encode_outcome
from checkout_async.errors import ConfigurationError

__all__ = ["ResultFile"]

_OWNER_ONLY = 0o600


class ResultFile:
    """An open results file."""

    def __init__(self, file: io.FileIO) -> None:
        self._file = file
        self._is_regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)

    @classmethod
    def create(cls, path: Path, *, force: bool = False) -> Self:
        """Create the file with mode 0600. An existing one is refused, or with `force` emptied and made private.

        Raises ConfigurationError.
        """
        flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if force else os.O_EXCL)
        try:
            results = cls(io.FileIO(os.open(path, flags, _OWNER_ONLY), "w"))
        except FileExistsError:
            raise ConfigurationError(f"{path} exists; name another output file, or replace it with --force") from None
        except OSError as error:
            raise ConfigurationError(f"cannot create the output file {path}: {error.strerror}") from None
        if results._is_regular:
            path.chmod(_OWNER_ONLY)
        return results

    @classmethod
    def standard_output(cls) -> Self:
        """Write to standard output, which stays open."""
        return cls(io.FileIO(1, "w", closefd=False))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()

    def write(self, outcome: Outcome) -> None:
        """Write one line. Raises OSError, the file then being as before."""
        start = self._file.tell() if self._is_regular else 0
        left = memoryview(encode_outcome(outcome))
        try:
            while left:
                left = left[self._file.write(left) or 0 :]
        except OSError:
            if self._is_regular:
                self._file.truncate(start)
                self._file.seek(start)
            raise
