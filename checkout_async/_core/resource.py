"""The base of the generated classes that have the operations of an API as methods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from checkout_async._core.spelling import no_attribute
from checkout_async._core.wire import Sender

__all__ = ["Resource"]


class Resource:
    """Operations that one sender carries out. A test may replace any method of an object."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    if not TYPE_CHECKING:  # a checker would take every name for one that exists

        def __getattr__(self, name: str) -> Any:
            raise no_attribute(self, name)
