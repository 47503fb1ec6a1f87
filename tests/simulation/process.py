"""A process: it runs on a host, has one client at a time, and may die and start again."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field

import simloom

from checkout_async import CheckoutClient


@dataclass(kw_only=True)
class Process(ABC):
    """Does its `work` with a client. All fields are on its disk or in its database: they outlive a crash."""

    name: str
    client: Callable[[], AbstractAsyncContextManager[CheckoutClient]]
    starts: int = 0
    failures: list[BaseException] = field(default_factory=list[BaseException])
    closed: list[CheckoutClient] = field(default_factory=list[CheckoutClient])
    """The clients that a second owner has closed."""

    can_die = True

    def __post_init__(self) -> None:
        self.ended = asyncio.Event()
        self._checkout: CheckoutClient | None = None

    @property
    def host(self) -> str:
        """The name of the host on which the process runs now."""
        return f"{self.name}.{self.starts}"

    def lose_the_process(self) -> None:
        """Go on where the next process begins, on a new host."""
        self.closed.clear()  # they died with the process, in the middle of their calls
        self.starts += 1
        self._checkout = None

    @property
    def checkout(self) -> CheckoutClient:
        """The client to make calls with."""
        assert self._checkout is not None
        return self._checkout

    async def run(self) -> None:
        """Run the process from its start to its end."""
        try:
            async with AsyncExitStack() as self._opened:
                self._reopening = asyncio.Lock()
                self._checkout = await self._opened.enter_async_context(self.client())
                await self.work()
        except BaseException as error:
            self.failures.append(error)
            raise
        finally:
            self.ended.set()

    @abstractmethod
    async def work(self) -> None:
        """Do what the process is there for, and go on where an earlier process was when it died."""

    async def close_the_client(self) -> None:
        """Use the client for a while as a second owner does, who closes it although this process still uses it."""
        checkout = self._checkout
        if checkout is None:
            return  # the process is just starting
        async with checkout:
            await asyncio.sleep(simloom.draw("owner.stays", 200) / 100)
            self.closed.append(checkout)  # from here on, no call may send anything

    def is_closed(self, checkout: CheckoutClient) -> bool:
        """Whether a second owner has closed this client."""
        return any(each is checkout for each in self.closed)

    async def replace_closed(self, checkout: CheckoutClient) -> None:
        """Make a new client if this one is closed. Of several calls that ended, the first makes it for all."""
        if not self.is_closed(checkout):
            return
        async with self._reopening:
            if self.checkout is checkout:
                self._checkout = await self._opened.enter_async_context(self.client())
