"""The records of a batch: a `Record` is a session to authenticate, an `InvalidRecord` is not a valid request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self, cast

from checkout_async.models import sessions

__all__ = ["InvalidRecord", "Record"]

# Many times the documented length. A row of the output has to stay readable, whatever a record says.
_LONGEST_REFERENCE: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A session to authenticate: the request, a Struct or a mapping of the same shape, and its line in the input.

    A `reference` that is longer than 10,000 characters is dropped: it is not stored in the journal or the
    results.
    """

    line: int
    request: sessions.SessionRequest | Mapping[str, object] = field(repr=False)
    reference: str | None = None

    def __post_init__(self) -> None:
        if self.reference is not None and len(self.reference) > _LONGEST_REFERENCE:
            object.__setattr__(self, "reference", None)

    @classmethod
    def of(cls, line: int, request: sessions.SessionRequest | Mapping[str, object]) -> Self:
        """Return the record of a request, with its reference if it has one."""
        given = request.get("reference") if isinstance(request, Mapping) else cast("object", request.reference)
        return cls(line=line, request=request, reference=given if isinstance(given, str) and given else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidRecord:
    """A record that is not a request. `reason` never shows its content; `path` is the JSON path of what is wrong."""

    line: int
    reason: str
    path: str | None = None
    reference: str | None = None
