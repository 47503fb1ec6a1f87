"""What records share, from JSON files: channel data for those that have none, and members of any kind (`--defaults`).

A record's own members win; objects merge.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self, cast

import msgspec

from checkout_async._core.body import encode_body
from checkout_async.batch.fields import find_field
from checkout_async.batch.journal.fingerprint import canonical
from checkout_async.batch.options import SharedChannelData
from checkout_async.batch.records import InvalidRecord, Record
from checkout_async.batch.sources.lines import as_utf8
from checkout_async.errors import BatchFileError, InvalidRequest
from checkout_async.redaction import SecretStruct

__all__ = ["Defaults", "read_channel_data"]

_channel_data: msgspec.json.Decoder[SharedChannelData] = msgspec.json.Decoder(SharedChannelData)


class Defaults(SecretStruct, frozen=True):
    """Shared members. They may be a card or a token, and are treated like a request."""

    __hidden__: ClassVar[tuple[str, ...]] = ("members",)

    members: Mapping[str, object]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a JSON object. Raises BatchFileError, also for a member that a session request does not have."""
        try:
            members = msgspec.json.decode(_read(path), type=dict[str, object])
        except OSError as error:
            raise BatchFileError(f"cannot read the defaults {path}: {error.strerror}") from None
        except (ValueError, RecursionError):
            members = None
        if members is None:
            raise BatchFileError(f"the defaults in {path} are not a JSON object")
        for name in members:
            try:
                find_field(name)
            except BatchFileError as error:
                raise BatchFileError(f"the defaults in {path}: {error}") from None
        return cls(members)

    @property
    def content(self) -> bytes:
        """The members, in an order that does not depend on the file."""
        return canonical(Record(line=0, request=self.members))

    def apply(self, item: Record | InvalidRecord) -> Record | InvalidRecord:
        """Return a record with these members where it has none of its own."""
        if isinstance(item, InvalidRecord):
            return item
        return Record.of(item.line, _merged(self.members, cast("Mapping[str, object]", item.request)))


def _merged(defaults: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, object]:
    merged = {**defaults, **own}
    for name in defaults.keys() & own.keys():
        if isinstance(defaults[name], dict) and isinstance(own[name], dict):
            merged[name] = _merged(defaults[name], own[name])
    return merged


def _read(path: Path) -> bytes:
    """Return a text as UTF-8, without a byte order mark. Raises OSError, and BatchFileError for UTF-32."""
    return b"".join(as_utf8(iter([path.read_bytes()]), str(path))).removeprefix(codecs.BOM_UTF8)


def read_channel_data(path: Path) -> SharedChannelData:
    """Read channel data of a browser, or for merchant-initiated sessions, from a JSON file.

    Raises BatchFileError that names the JSON path of what is invalid.
    """
    try:
        content = msgspec.json.decode(_read(path), type=dict[str, object])
        checked = encode_body(f"channel data in {path}", content, SharedChannelData)
    except OSError as error:
        raise BatchFileError(f"cannot read the channel data {path}: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise BatchFileError(f"the channel data in {path} are not a JSON object") from None
    except InvalidRequest as error:
        raise BatchFileError(str(error)) from None
    return _channel_data.decode(checked)
