"""The requests that a sandbox saw, as read-only values to assert on. A record holds no credential."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass

_REQUESTS_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """A request that the sandbox answered."""

    method: str
    path: str
    operation_id: str | None
    """None for a path or method that the API does not have."""
    authorization: str
    """Kind of credential: `none`, `bearer`, `basic`, `session_secret` or `other`."""
    status: int
    """0 where a fault kept it from being processed and answered."""
    request_id: str


class RequestLog:
    """The latest 10,000 requests, and how many there were of each operation."""

    def __init__(self) -> None:
        self._records: deque[RequestRecord] = deque(maxlen=_REQUESTS_KEPT)
        self._counts: Counter[str | None] = Counter()

    def add(self, record: RequestRecord) -> None:
        """Note an answered request."""
        self._records.append(record)
        self._counts[record.operation_id] += 1

    def records(self) -> tuple[RequestRecord, ...]:
        """Return the requests, oldest first."""
        return tuple(self._records)

    def count(self, operation_id: str | None) -> int:
        """Count the answered requests of an operation."""
        return self._counts[operation_id]


def authorization_kind(header: str | None) -> str:
    """Name the kind of credential an `Authorization` header holds."""
    if not header:
        return "none"
    word = header.partition(" ")[0].lower()
    if word in {"bearer", "basic"}:
        return word
    return "session_secret" if header.startswith("sek_") else "other"
