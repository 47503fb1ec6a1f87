"""Whether a client can be used here: it is open, in the process and on the event loop of its first call.

The clients that `with_options` makes share connections, process and event loop with the client that they are made of.
Closing that one ends them all; closing one of them ends only that one and those that were made of it.
"""

from __future__ import annotations

import asyncio
from weakref import WeakSet

from checkout_async.auth import Authenticator
from checkout_async.errors import ClientClosed, WrongLoop
from checkout_async.processes import ProcessGuard

__all__ = ["Lifetime"]


class _End:
    """Whether a client is closed. Those that were made of it look at it, too."""

    __slots__ = ("has_come",)

    def __init__(self) -> None:
        self.has_come = False


class _Merchant:
    """The credentials of another merchant. It lives as long as a client that acts for it."""

    __slots__ = ("__weakref__", "authenticator")

    def __init__(self, authenticator: Authenticator) -> None:
        self.authenticator = authenticator


class _Common:
    """What a client and those that `with_options` makes of it have in common: process, event loop, and merchants."""

    __slots__ = ("loop", "merchants", "process")

    def __init__(self) -> None:
        self.process = ProcessGuard("the client")
        self.loop: asyncio.AbstractEventLoop | None = None
        self.merchants: WeakSet[_Merchant] = WeakSet()


class Lifetime:
    """The lifetime of one client. Every call of the client begins with `check`."""

    __slots__ = ("_common", "_ends", "_merchant", "_owns_token")

    def __init__(self) -> None:
        self._common = _Common()
        self._ends: tuple[_End, ...] = (_End(),)
        self._merchant: _Merchant | None = None
        self._owns_token = True

    def derive(self) -> Lifetime:
        """Return the lifetime of a client that is made of this one, and uses its token."""
        other = object.__new__(Lifetime)
        other._common, other._merchant = self._common, self._merchant
        other._ends, other._owns_token = (*self._ends, _End()), False
        return other

    def own_token(self, authenticator: Authenticator) -> None:
        """Record that the client has a token of its own: it acts for another merchant."""
        self._owns_token = True
        self._merchant = _Merchant(authenticator)
        self._common.merchants.add(self._merchant)

    def check(self) -> None:
        """Raise ClientClosed, WrongProcess or WrongLoop if the client cannot be used here."""
        for end in self._ends:
            if end.has_come:
                raise ClientClosed("the client is closed, so nothing was sent; make a new one")
        common = self._common
        common.process.check()
        loop = asyncio.get_running_loop()
        if common.loop is not loop and common.loop is not None:
            raise WrongLoop("the client belongs to another event loop, so nothing was sent; make one for each loop")
        common.loop = loop

    def end(self) -> bool:
        """End it. Return whether there is anything to close: in a forked process, all of that is the parent's."""
        self._ends[-1].has_come = True
        return not self._common.process.is_foreign

    @property
    def owns_connections(self) -> bool:
        """Whether the client was made of no other, so that the connections are its own."""
        return len(self._ends) == 1

    def tokens_to_close(self, own: Authenticator) -> list[Authenticator]:
        """Return what fetches tokens, and ends with this client. `own` is what the client uses itself."""
        owned = [own] if self._owns_token else []
        if self.owns_connections:
            owned += [merchant.authenticator for merchant in self._common.merchants]
        return owned
