"""A client for tests that works in any event loop: its calls run in the loop of the simulator's thread."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar, Unpack

from anyio.from_thread import BlockingPortal

from checkout_async._core.wire import ApiRequest, ApiResponse
from checkout_async._generated.models import access
from checkout_async.auth import Credentials
from checkout_async.client import CheckoutClient, ClientOptions

__all__ = ["AnyLoopClient"]

T = TypeVar("T")


class AnyLoopClient(CheckoutClient):
    """A CheckoutClient for tests. Unlike a client of an application, it does not belong to the loop of its first call.

    A call that is cancelled ends at once, and its request is cancelled in the other thread. So the cancellation carries
    no idempotency key; `abandoned_calls` has it.
    """

    def __init__(
        self,
        portal: BlockingPortal,
        credentials: Credentials,
        *,
        base_url: str,
        token_url: str,
        **options: Unpack[ClientOptions],
    ) -> None:
        super().__init__(credentials, base_url=base_url, token_url=token_url, **options)
        self._portal = portal

    async def send(self, request: ApiRequest[T]) -> ApiResponse[T]:
        """Send a request from a `build_…` function, in the simulator's thread, and return its reply."""
        return await self._elsewhere(lambda: CheckoutClient.send(self, request))

    async def request_access_token(self) -> access.AccessToken:
        """Fetch a new access token with the client's credentials."""
        return await self._elsewhere(lambda: CheckoutClient.request_access_token(self))

    async def aclose(self) -> None:
        """Stop background work and close the connections."""
        await self._elsewhere(lambda: CheckoutClient.aclose(self))

    def close(self) -> None:
        """Do the same from code that is not async."""
        self._portal.call(lambda: CheckoutClient.aclose(self))

    async def _elsewhere(self, call: Callable[[], Awaitable[T]]) -> T:
        async def run() -> T:
            return await call()

        return await asyncio.wrap_future(self._portal.start_task_soon(run))
