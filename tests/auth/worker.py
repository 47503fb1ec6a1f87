"""A process that shares a token store with others: `tests.forking.fork_worker` runs `call` or `hold`.

It says `ready` and waits for a word. `call` then makes one call of the API; `hold` acquires the lock, says `held` and
keeps the lock until the process is killed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from multiprocessing.connection import Connection

from checkout_async import CheckoutClient, OAuthCredentials
from checkout_async.auth import FileTokenStore, RedisTokenStore
from checkout_async.errors import NotFound

LOCK_SECONDS = 1.0


@asynccontextmanager
async def store_at(place: str, lock_seconds: float = 30.0) -> AsyncGenerator[FileTokenStore | RedisTokenStore]:
    if place.startswith("redis:"):
        async with RedisTokenStore(place, lock_ttl=lock_seconds) as store:
            yield store
    else:
        yield FileTokenStore(place, lock_timeout=lock_seconds)


def call(parent: Connection, place: str, base_url: str) -> None:
    asyncio.run(_call(parent, place, base_url))


def hold(parent: Connection, place: str, key: str) -> None:
    asyncio.run(_hold(parent, place, key))


async def _call(parent: Connection, place: str, base_url: str) -> None:
    async with store_at(place) as store:
        credentials = OAuthCredentials("ack_sandbox", "sandbox_secret", scopes=[], store=store)
        async with CheckoutClient(credentials, base_url=base_url, token_url=f"{base_url}/connect/token") as checkout:
            payments = checkout.payments  # loaded before the start, so that all ask at once
            wait_for_go(parent)
            with suppress(NotFound):
                await payments.list_payments(reference="ORD-1")
    parent.send("done")


async def _hold(parent: Connection, place: str, key: str) -> None:
    async with store_at(place, LOCK_SECONDS) as store:
        wait_for_go(parent)
        async with store.lock(key) as held:
            parent.send("held" if held else "not acquired")
            await asyncio.Event().wait()


def wait_for_go(parent: Connection) -> None:
    parent.send("ready")
    parent.recv()
