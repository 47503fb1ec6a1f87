"""What a batch is made of: a `Record` for each session to authenticate, a `BadLine` where there is no request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from checkout_async.models import sessions

__all__ = ["BadLine", "Record"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A session to authenticate: the request, a Struct or a mapping of the same shape, and where it comes from."""

    line: int
    request: sessions.SessionRequest | Mapping[str, object] = field(repr=False)
    reference: str | None = None

    @classmethod
    def of(cls, line: int, request: Mapping[str, object]) -> Self:
        """Return the record of a request, with its reference if it has one."""
        reference = request.get("reference")
        return cls(line=line, request=request, reference=reference if isinstance(reference, str) else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class BadLine:
    """A line that holds no request. `reason` never shows its content; `path` is the JSON path of what is wrong."""

    line: int
    reason: str
    path: str | None = None
    reference: str | None = None
