"""What a batch is made of: a `Record` for each session to authenticate, a `BadLine` where there is no request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self, cast

from checkout_async._core.body import documented_lengths
from checkout_async.models import sessions

__all__ = ["BadLine", "Record"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A session to authenticate: the request, a Struct or a mapping of the same shape, and where it comes from.

    A `reference` that is longer than the specification allows is left out: journal and results do without it.
    """

    line: int
    request: sessions.SessionRequest | Mapping[str, object] = field(repr=False)
    reference: str | None = None

    def __post_init__(self) -> None:
        # The request is refused before it is sent; its row in the results must stay one that can be read again.
        if (
            self.reference is not None
            and len(self.reference) > documented_lengths(sessions.SessionRequest)["reference"]
        ):
            object.__setattr__(self, "reference", None)

    @classmethod
    def of(cls, line: int, request: sessions.SessionRequest | Mapping[str, object]) -> Self:
        """Return the record of a request, with its reference if it has one."""
        given = request.get("reference") if isinstance(request, Mapping) else cast("object", request.reference)
        return cls(line=line, request=request, reference=given if isinstance(given, str) and given else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class BadLine:
    """A line that holds no request. `reason` never shows its content; `path` is the JSON path of what is wrong."""

    line: int
    reason: str
    path: str | None = None
    reference: str | None = None
