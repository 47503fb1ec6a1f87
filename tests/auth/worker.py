"""A process that shares a token store with others: `python -m tests.auth.worker PLACE COMMAND ARGUMENT`.

It prints `ready` and waits for a line. `call BASE_URL` then makes one call of the API; `hold KEY` acquires the lock,
prints `held` and keeps the lock until the process is killed.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

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


async def call(place: str, base_url: str) -> None:
    async with store_at(place) as store:
        credentials = OAuthCredentials("ack_sandbox", "sandbox_secret", store=store)
        async with CheckoutClient(credentials, base_url=base_url, token_url=f"{base_url}/connect/token") as checkout:
            payments = checkout.payments  # loaded before the start, so that all ask at once
            wait_for_go()
            with suppress(NotFound):
                await payments.list_payments(reference="ORD-1")
    say("done")


async def hold(place: str, key: str) -> None:
    async with store_at(place, LOCK_SECONDS) as store:
        wait_for_go()
        async with store.lock(key) as held:
            say("held" if held else "not acquired")
            await asyncio.Event().wait()


def wait_for_go() -> None:
    say("ready")
    sys.stdin.readline()


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    where, command, argument = sys.argv[1:]
    asyncio.run({"call": call, "hold": hold}[command](where, argument))
