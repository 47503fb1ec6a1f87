"""The records of a batch: a `Record` is a session to authenticate, an `InvalidRecord` is not a valid request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Self, cast

from msgspec import inspect

from checkout_async.models import sessions

__all__ = ["InvalidRecord", "Record"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A session to authenticate: the request, a Struct or a mapping of the same shape, and its line in the input.

    A `reference` that is longer than the specification allows is dropped: it is not stored in the journal or the
    results.
    """

    line: int
    request: sessions.SessionRequest | Mapping[str, object] = field(repr=False)
    reference: str | None = None

    def __post_init__(self) -> None:
        # Such a request is refused before it is sent, and its row in the output must stay readable.
        if self.reference is not None and len(self.reference) > _longest_reference():
            object.__setattr__(self, "reference", None)

    @classmethod
    def of(cls, line: int, request: sessions.SessionRequest | Mapping[str, object]) -> Self:
        """Return the record of a request, with its reference if it has one."""
        given = request.get("reference") if isinstance(request, Mapping) else cast("object", request.reference)
        return cls(line=line, request=request, reference=given if isinstance(given, str) and given else None)


@cache
def _longest_reference() -> int:
    """Return how many characters a reference may have."""
    request = inspect.type_info(sessions.SessionRequest)
    assert isinstance(request, inspect.StructType)
    found = next(each.type for each in request.fields if each.name == "reference")
    assert isinstance(found, inspect.StrType)
    assert found.max_length is not None
    return found.max_length


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidRecord:
    """A record that is not a request. `reason` never shows its content; `path` is the JSON path of what is wrong."""

    line: int
    reason: str
    path: str | None = None
    reference: str | None = None
