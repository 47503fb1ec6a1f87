"""A process of its own that shares a token store with others: `python -m tests.auth.worker PLACE DO ...`.

It says `ready` and waits for a line. `call BASE_URL` then makes one call of the API; `hold KEY` takes the lock, says
`held` and keeps it until it is killed.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from checkout_async import CheckoutClient, OAuthCredentials
from checkout_async.auth import FileTokenStore, RedisTokenStore
from checkout_async.errors import NotFound

LEASE = 1.0


@asynccontextmanager
async def store_at(place: str, lease: float = 30.0) -> AsyncGenerator[FileTokenStore | RedisTokenStore]:
    if place.startswith("redis:"):
        async with RedisTokenStore(place, lease=lease) as store:
            yield store
    else:
        yield FileTokenStore(place, lease=lease)


async def call(place: str, base_url: str) -> None:
    async with store_at(place) as store:
        credentials = OAuthCredentials("ack_sandbox", "sandbox_secret", store=store)
        async with CheckoutClient(credentials, base_url=base_url, token_url=f"{base_url}/connect/token") as checkout:
            payments = checkout.payments  # loaded before the start, so that all ask at once
            told_to_go()
            with suppress(NotFound):
                await payments.list_payments(reference="ORD-1")
    say("done")


async def hold(place: str, key: str) -> None:
    async with store_at(place, LEASE) as store:
        told_to_go()
        async with store.lock(key) as held:
            say("held" if held else "not had")
            await asyncio.Event().wait()


def told_to_go() -> None:
    say("ready")
    sys.stdin.readline()


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    where, do, argument = sys.argv[1:]
    asyncio.run({"call": call, "hold": hold}[do](where, argument))
