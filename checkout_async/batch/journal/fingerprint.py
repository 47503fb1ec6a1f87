"""Keyed fingerprints of records, and the file with their key.

There are so few card numbers that all can be tried, so a plain hash of one hides nothing (PCI DSS 4.0, 3.5.1.1).
Fingerprints are HMAC-SHA256 under a random key for each journal, cut to 128 bits, which RFC 2104 section 5 allows.
"""

from __future__ import annotations

import hmac
import os
import secrets
import stat
import sys
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from checkout_async._core.validation import to_builtin
from checkout_async.batch.records import Record
from checkout_async.errors import BatchFileError, InvalidRequest
from checkout_async.files import atomic_write, file_error
from checkout_async.redaction import SecretBytes, sanitize

__all__ = ["KEY_BYTES", "Fingerprints", "RecordKeys", "canonical", "key_file_of", "load_key", "make_key"]

KEY_BYTES: Final = 32
"""Length of a key: that of the hash's output, as RFC 2104 section 3 recommends."""

_DIGEST_BYTES: Final = 16


class RecordKeys(NamedTuple):
    """The fingerprints of a record: that of its content, and the one by which it is recognised.

    A record is recognised by its reference or, without one, by its content.
    """

    key: bytes
    content: bytes


class Fingerprints:
    """Makes fingerprints of 16 bytes under one key. Raises BatchFileError for a key that is not 32 bytes long."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise BatchFileError(f"a journal's key has {KEY_BYTES} bytes; this one has {len(key)}")
        self._keyed = hmac.new(key, digestmod="sha256")

    def of(self, record: Record) -> RecordKeys:
        """Return the fingerprints of a record. Raises InvalidRequest for a mapping that cannot be written as JSON."""
        content = self.of_content(record)
        return RecordKeys(self.of_reference(record.reference) if record.reference else content, content)

    def of_content(self, record: Record) -> bytes:
        """Return the fingerprint of a request: the same for any order of its members, and for a Struct and a mapping.

        Raises InvalidRequest for a mapping that cannot be written as JSON.
        """
        return self._digest(b"content", canonical(record))

    def of_reference(self, reference: str) -> bytes:
        """Return the fingerprint of a record's reference."""
        return self._digest(b"reference", reference.encode("utf-8", "surrogatepass"))

    def of_defaults(self, content: bytes) -> bytes:
        """Return the fingerprint of the members that all records share."""
        return self._digest(b"defaults", content)

    @property
    def check(self) -> bytes:
        """The fingerprint of the empty string, to detect a wrong key; it reveals nothing else about the key."""
        return self._digest(b"key", b"")

    def _digest(self, domain: bytes, content: bytes) -> bytes:
        # A copy costs less than a new one, and never releases the interpreter lock.
        digest = self._keyed.copy()
        digest.update(domain + b"\0" + content)
        return digest.digest()[:_DIGEST_BYTES]


_encoder = msgspec.json.Encoder(enc_hook=to_builtin, order="sorted")


def canonical(record: Record) -> bytes:
    """Return the content of a record as bytes that do not depend on the order of its members.

    Raises InvalidRequest for a mapping that cannot be written as JSON.
    """
    try:
        return SecretBytes(_encoder.encode(record.request))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        reason = f"the body cannot be written as JSON: {sanitize(str(error))}"
    raise InvalidRequest(reason, reason=reason)


def key_file_of(journal: Path) -> Path:
    """Return the path of the file with the key of a journal."""
    return journal.with_name(f"{journal.name}.key")


def load_key(journal: Path) -> bytes | None:
    """Return the key of a journal from the file next to it; None if there is no such file.

    Raises BatchFileError for a file that cannot be read, is not a key, or can be used by others than its owner.
    """
    path = key_file_of(journal)
    try:
        with path.open("rb") as file:
            _check_mode(path, os.fstat(file.fileno()).st_mode)
            key = file.read(KEY_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BatchFileError(f"cannot read the journal's key {path}: {error.strerror}") from None
    if len(key) != KEY_BYTES:
        raise BatchFileError(
            f"{path} is not a key of a journal, which has {KEY_BYTES} bytes; put the key there that was made with the "
            "journal: it never changes, so that any copy of it will do"
        )
    return SecretBytes(key)


def make_key(journal: Path, key: bytes | None = None) -> bytes:
    """Write a key, by default a new random one, to the file next to a journal, with mode 0600, and return it.

    Raises BatchFileError if it cannot be written.
    """
    path = key_file_of(journal)
    key = SecretBytes(key or secrets.token_bytes(KEY_BYTES))
    try:
        # A process that dies here leaves a whole key or none.
        with atomic_write(path) as file:
            file.write(key)
    except OSError as error:
        raise file_error(f"cannot write the journal's key {path}", error) from None
    return key


def _check_mode(path: Path, mode: int) -> None:
    # On Windows the access list of the user's profile replaces mode bits.
    if sys.platform != "win32" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise BatchFileError(f"{path} can be used by others than its owner: chmod 600 it")
