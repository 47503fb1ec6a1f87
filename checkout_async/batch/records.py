"""The records of a batch: a `Record` is a session to authenticate, an `InvalidRecord` is not a valid request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Self, cast

import msgspec
from msgspec.structs import force_setattr

from checkout_async.models import sessions
from checkout_async.redaction import SecretStruct, clears_frames

__all__ = ["InvalidRecord", "Record"]

# Many times the documented length. A row of the output has to stay readable, whatever a record says.
_LONGEST_REFERENCE: Final = 10_000


class Record(SecretStruct, frozen=True, kw_only=True):
    """A session to authenticate: the request, a Struct or a mapping of the same shape, and its line in the input.

    A `reference` that is longer than 10,000 characters is dropped: it is not stored in the journal or the
    results.
    """

    __hidden__ = ("request",)

    line: int
    request: sessions.SessionRequest | Mapping[str, object]
    reference: str | None = None

    def __post_init__(self) -> None:
        if self.reference is not None and len(self.reference) > _LONGEST_REFERENCE:
            force_setattr(self, "reference", None)

    @classmethod
    @clears_frames
    def of(cls, line: int, request: sessions.SessionRequest | Mapping[str, object]) -> Self:
        """Return the record of a request, with its reference if it has one."""
        given = request.get("reference") if isinstance(request, Mapping) else cast("object", request.reference)
        return cls(line=line, request=request, reference=given if isinstance(given, str) and given else None)


class InvalidRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A record that is not a request. `reason` never shows its content; `path` is the JSON path of what is wrong."""

    line: int
    reason: str
    path: str | None = None
    reference: str | None = None
