"""The journal's file as an SQLite database: its schema, how it is opened, and texts for SQLite's errors.

An open database is locked: no other process can use it until its process closes it or ends, even by a crash.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import struct
from pathlib import Path
from typing import Final

import msgspec

from checkout_async.errors import BatchFileError, CheckoutError, DiskFull, JournalInUse
from checkout_async.files import OWNER_ONLY, file_error
from checkout_async.processes import forget_after_fork, leak

__all__ = [
    "OLDER_COPY",
    "create_tables",
    "is_new",
    "not_opened",
    "open_database",
    "place_of",
    "reason_of",
    "require_wal",
    "wal_of",
]

_APPLICATION_ID: Final = 0x43_4B_4F_4A  # CKOJ
_FORMAT: Final = 3
_SCHEMA: Final = (
    """CREATE TABLE journal (
        id TEXT NOT NULL, key_check TEXT NOT NULL, run INTEGER NOT NULL, entry INTEGER NOT NULL,
        needs_wal INTEGER NOT NULL
    )""",
    """CREATE TABLE record (
        id INTEGER PRIMARY KEY,
        fingerprint TEXT NOT NULL UNIQUE,
        content TEXT NOT NULL,
        reference TEXT,
        run INTEGER NOT NULL,
        line INTEGER NOT NULL,
        claimed_at INTEGER NOT NULL,
        session_id TEXT,
        result TEXT,
        outcome TEXT,
        entry INTEGER,
        settled_at INTEGER
    )""",
    # For the order of an export: sorting whole rows would put payment data into temporary files.
    "CREATE INDEX record_line ON record (line)",
    "CREATE TABLE refusal (line INTEGER PRIMARY KEY, run INTEGER NOT NULL, outcome TEXT NOT NULL, entry INTEGER)",
    f"PRAGMA application_id = {_APPLICATION_ID}",
    f"PRAGMA user_version = {_FORMAT}",
)
_BUSY_TIMEOUT: Final = 1.0
"""Seconds to wait for a process that is just ending to release the file."""

_CACHE: Final = 16 * 1024
"""Kibibytes of pages kept in memory, independent of the size of the file."""

_STATEMENTS: Final = 512
"""Prepared statements kept: there is one for each kind of operation and number of rows."""

_PAGE: Final = 2048
"""Bytes of a page of a new file. Fingerprints are random, so that most claims write a page of their own. 1024 writes a
quarter less, and takes a quarter more processor time."""

_MAGIC: Final = b"SQLite format 3\0"

_HEADER: Final = struct.Struct(">16s H 42x I 4x I")
"""Of a database: magic, page size, user version, application id (https://www.sqlite.org/fileformat.html, 1.3)."""

FilePlace = tuple[int, int]
"""The device and the number of a file."""

_open_here: Final[set[FilePlace]] = set()
"""The journals that this process has open."""

OLDER_COPY: Final = (
    "An older copy does not know what was sent after it was made, and nothing else says what was in flight when the "
    "last run ended. So look up by their references the records without a final result, before you send any of them "
    "again"
)
"""What a copy of a journal cannot know."""


def open_database(path: Path, *, durable: bool = True) -> sqlite3.Connection:
    """Open a journal's file, or create an empty one with mode 0600, and lock it. The caller must close it.

    A file that is not a journal is not changed. Raises BatchFileError.
    """
    # Absolute: SQLite takes names such as ":memory:" for something else.
    place = path.resolve()
    _make_private(path, place)
    database: _Database | None = None
    try:
        database = sqlite3.connect(
            place, timeout=_BUSY_TIMEOUT, isolation_level=None, cached_statements=_STATEMENTS, factory=_Database
        )
        forget_after_fork(database)
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        _check_kind(path, database)
        _prepare(path, database, durable=durable)
        database.note_open(place)
    except BaseException as error:
        if database is not None:
            database.close()
        if isinstance(error, sqlite3.Error):
            raise not_opened(path, error) from None
        raise
    return database


class _Database(sqlite3.Connection):
    """A connection that is never closed in a child process.

    Closing the copy would write the log into the file, and delete the log that the parent goes on to write
    (https://www.sqlite.org/howtocorrupt.html section 2.6).
    """

    place: FilePlace | None = None

    def note_open(self, path: Path) -> None:
        """Note that this process has the file open. Raises OSError."""
        self.place = place_of(path)
        _open_here.add(self.place)

    def close(self) -> None:
        """Close the connection."""
        super().close()
        if self.place is not None:
            _open_here.discard(self.place)

    def forget(self) -> None:
        """Keep the copy of a child for ever."""
        leak(self)


def not_opened(path: Path, error: sqlite3.Error) -> BatchFileError:
    """Return the error for a journal that cannot be opened: JournalInUse if another process has it open."""
    kind = _KINDS.get(_code(error), BatchFileError)
    return kind(f"cannot open the journal {path}: {reason_of(error)}")


def create_tables(database: sqlite3.Connection, key_check: bytes) -> None:
    """Turn an empty database into a journal, inside the caller's transaction. Raises sqlite3.Error."""
    for statement in _SCHEMA:
        database.execute(statement)
    database.execute("INSERT INTO journal VALUES (?, ?, 0, 0, 0)", (secrets.token_hex(4), key_check.hex()))


def place_of(path: Path) -> FilePlace:
    """Return the device and the number of the file that a path names now. Raises OSError."""
    status = path.stat()
    return status.st_dev, status.st_ino


def is_new(database: sqlite3.Connection) -> bool:
    """Whether a database has no tables yet."""
    return _pragma(database, "schema_version") == 0


def wal_of(path: Path) -> Path:
    """Return the path of the write-ahead log of a journal."""
    path = path.resolve()  # SQLite writes it next to the file itself, and not next to a link
    return path.with_name(f"{path.name}-wal")


def require_wal(path: Path, database: sqlite3.Connection, *, has_wal: bool) -> None:
    """Refuse a journal whose write-ahead log was removed after a kill: nothing since then would be known.

    `has_wal` is whether there was a log before the journal was opened. Raises BatchFileError.
    """
    [(needs_wal,)] = database.execute("SELECT needs_wal FROM journal").fetchall()
    if needs_wal and not has_wal:
        raise BatchFileError(
            f"the journal {path} has lost the file {wal_of(path)}, in which the last run wrote. Nothing was sent. Put "
            f"that file back. {OLDER_COPY}"
        )


def reason_of(error: Exception) -> str:
    """Return the text of why a journal cannot be used, and what to do about it."""
    if isinstance(error, CheckoutError):
        return str(error)
    if isinstance(error, msgspec.MsgspecError):
        return _REASONS[sqlite3.SQLITE_CORRUPT]
    if isinstance(error, sqlite3.Error):
        return _REASONS.get(_code(error), str(error) or type(error).__name__)
    return f"a defect of this package, please report it ({type(error).__name__})"


def _code(error: sqlite3.Error) -> int:
    """Return the primary code of an error, which is the low byte of an extended one."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


_KINDS: Final = {sqlite3.SQLITE_BUSY: JournalInUse, sqlite3.SQLITE_FULL: DiskFull}

_REASONS: Final = {
    sqlite3.SQLITE_BUSY: "another process has it open; wait until it ends, or name another file",
    sqlite3.SQLITE_NOTADB: "not a journal file; name another one",
    sqlite3.SQLITE_CORRUPT: f"it is damaged. {OLDER_COPY}",
    sqlite3.SQLITE_FULL: "the disk is full; make room and run again",
    sqlite3.SQLITE_IOERR: "the disk cannot be read or written; repair it or make room, and run again",
    sqlite3.SQLITE_READONLY: "it cannot be written; change its permissions, or name another file",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened as a file; name another one",
}


def _make_private(path: Path, place: Path) -> None:
    """Create the file with mode 0600, or set that mode on a journal. Raises BatchFileError for another file."""
    try:
        os.close(os.open(place, os.O_RDWR | os.O_CREAT | os.O_EXCL, OWNER_ONLY))
    except FileExistsError:
        _require_journal(path)
        _take_rights_away(path)
    except OSError as error:
        raise file_error(f"cannot create the journal {path}", error) from None


def _require_journal(path: Path) -> None:
    """Refuse a file that is not a journal, and change nothing: SQLite would create a log next to it, and remove it.

    A file is accepted if it is empty, or a database that has no table yet.
    """
    try:
        if not path.is_file():
            raise BatchFileError(f"cannot open the journal {path}: it is not a regular file; name another one")
        # If this process has the file open, closing it again would drop SQLite's locks on it (POSIX fcntl).
        if place_of(path) in _open_here:
            return
        with path.open("rb") as file:
            header = file.read(_HEADER.size)
            size = os.fstat(file.fileno()).st_size
    except OSError as error:
        raise BatchFileError(f"cannot read the journal {path}: {error.strerror}") from None
    if not header:
        return
    if len(header) < _HEADER.size or not header.startswith(_MAGIC):
        raise BatchFileError(f"cannot open the journal {path}: {_REASONS[sqlite3.SQLITE_NOTADB]}")
    _, page, version, application = _HEADER.unpack(header)
    if application or size > page:
        _require_kind(path, application, version)


def _take_rights_away(path: Path) -> None:
    try:
        if path.is_file():
            path.chmod(OWNER_ONLY)
    except OSError as error:
        raise BatchFileError(f"cannot make the journal {path} private: {error.strerror}") from None


def _check_kind(path: Path, database: sqlite3.Connection) -> None:
    application = _pragma(database, "application_id")
    if (application, _pragma(database, "schema_version")) != (0, 0):
        _require_kind(path, application, _pragma(database, "user_version"))


def _require_kind(path: Path, application: object, version: object) -> None:
    if application != _APPLICATION_ID:
        raise BatchFileError(f"{path} is a database, but not a journal; name another file")
    if version != _FORMAT:
        raise BatchFileError(
            f"the journal {path} has format {version}, and this version of the package reads format {_FORMAT} only: "
            "continue with the version of the package that wrote it"
        )


def _prepare(path: Path, database: sqlite3.Connection, *, durable: bool) -> None:
    # A row that is deleted or emptied leaves no payment data in the file.
    database.execute("PRAGMA secure_delete = ON")
    database.execute(f"PRAGMA page_size = {_PAGE}")
    database.execute("PRAGMA journal_mode = WAL")
    # JournalStore copies the log into the file when it is long.
    database.execute("PRAGMA wal_autocheckpoint = 0")
    database.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
    database.execute(f"PRAGMA fullfsync = {int(durable)}")
    database.execute(f"PRAGMA cache_size = -{_CACHE}")
    if _pragma(database, "quick_check(1)") != "ok":
        raise BatchFileError(f"the journal {path} is damaged. {OLDER_COPY}")


def _pragma(database: sqlite3.Connection, name: str) -> object:
    return database.execute(f"PRAGMA {name}").fetchone()[0]
