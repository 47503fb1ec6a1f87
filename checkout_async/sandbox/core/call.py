"""A request to an operation and its answer, apart from HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

from checkout_async.sandbox.core.spec import Operation


@dataclass(frozen=True, slots=True)
class Call:
    """A request to an operation."""

    operation: Operation
    resource_id: str
    """The identifier in the path; empty where the path has none."""
    headers: Mapping[str, str] = field(repr=False)
    content_type: str
    body: bytes = field(repr=False)
    query: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def digest(self) -> bytes:
        """Recognises the same body again without keeping it."""
        return blake2b(self.body, digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class Reply:
    """A successful answer."""

    status: int
    body: object | None = None
    """What is written as JSON; None for an empty body."""
    lost: bool = False
    """It never arrives: the connection breaks in its place."""
