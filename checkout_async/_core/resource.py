"""The bases of the generated classes that have the operations of one API, or of all, as methods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from checkout_async._core.spelling import no_attribute
from checkout_async._core.wire import ApiRequest, ApiResponse, Sender

__all__ = ["ForwardingSender", "Resource"]

T = TypeVar("T")


class Resource:
    """Operations that one sender carries out. A test may replace any method of an object."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    if not TYPE_CHECKING:  # a checker would take every name for one that exists

        def __getattr__(self, name: str) -> Any:
            raise no_attribute(self, name)


class ForwardingSender:
    """Sends calls through another sender. The class of all operations of a generated package is one."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def send(self, request: ApiRequest[T], /) -> ApiResponse[T]:
        """Send a request through the other sender."""
        return await self._sender.send(request)
