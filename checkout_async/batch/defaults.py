"""Members that all records of an input share, from a JSON file. A record's own members win; objects merge."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self, cast

import msgspec

from checkout_async.batch.fields import find_field
from checkout_async.batch.journal.fingerprint import canonical
from checkout_async.batch.records import InvalidRecord, Record
from checkout_async.errors import BatchFileError
from checkout_async.redaction import SecretStruct

__all__ = ["Defaults"]


class Defaults(SecretStruct, frozen=True):
    """Shared members. They may be a card or a token, and are treated like a request."""

    __hidden__ = ("members",)

    members: Mapping[str, object]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a JSON object. Raises BatchFileError, also for a member that a session request does not have."""
        try:
            members = msgspec.json.decode(path.read_bytes(), type=dict[str, object])
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
