"""A shared token: which client fetches it, what happens after a 401, and that a failing store stops no call."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from checkout_async.auth import AccessToken, MemoryTokenStore, OAuthCredentials, TokenStore
from checkout_async.auth.oauth import OAuthAuthenticator
from checkout_async.auth.shared_token import store_key
from checkout_async.errors import AuthenticationFailed, ConfigurationError
from checkout_async.sandbox import Sandbox
from tests.auth.test_oauth import TokenEndpoint
from tests.transport.virtual_time import settle

URL = "https://access.example/connect/token"
KEY = store_key("ack_x", URL, ())


class Breaking:
    """A store that raises errors whose texts contain secrets."""

    def __init__(self) -> None:
        self.asked = 0

    async def load(self, key: str) -> AccessToken | None:
        self.asked += 1
        raise RuntimeError("cannot load for hush")

    async def save(self, key: str, token: AccessToken) -> None:
        self.asked += 1
        raise RuntimeError(f"cannot save {token.value}")

    async def remove(self, key: str, value: str) -> None:
        self.asked += 1
        raise RuntimeError(f"cannot remove {value}")

    @asynccontextmanager
    async def lock(self, key: str) -> AsyncGenerator[bool]:
        self.asked += 1
        raise RuntimeError("cannot lock")
        yield True


class SaveBreaks(MemoryTokenStore):
    async def save(self, key: str, token: AccessToken) -> None:
        raise RuntimeError(f"cannot save {token.value}")


def client(endpoint: TokenEndpoint, store: TokenStore, *scopes: str) -> OAuthAuthenticator:
    return OAuthCredentials("ack_x", "hush", scopes=scopes, store=store).authenticator(endpoint.connect, URL)


def stored(value: str, left: float, lifetime: float = 3600) -> AccessToken:
    return AccessToken(value, time.time() + left, lifetime)


async def test_clients_that_start_at_once_make_one_token_request() -> None:
    endpoint, store = TokenEndpoint(), MemoryTokenStore()
    tokens = await asyncio.gather(*(client(endpoint, store).authorize() for _ in range(10)))
    assert set(tokens) == {"Bearer aaa.bbb.ccc"}
    assert len(endpoint.bodies) == 1


async def test_a_stored_token_is_used_without_asking_the_endpoint() -> None:
    endpoint, store = TokenEndpoint(), MemoryTokenStore()
    await store.save(KEY, stored("kept", 3000))
    assert await client(endpoint, store).authorize() == "Bearer kept"
    assert endpoint.bodies == []


class CountingLoads(MemoryTokenStore):
    loads = 0

    async def load(self, key: str) -> AccessToken | None:
        self.loads += 1
        return await super().load(key)


async def test_a_stored_token_is_read_once_and_then_kept() -> None:
    endpoint, store = TokenEndpoint(), CountingLoads()
    await store.save(KEY, stored("kept", 3000))
    authenticator = client(endpoint, store)
    for _ in range(3):
        assert await authenticator.authorize() == "Bearer kept"
        await settle()
    assert authenticator.current() == "Bearer kept"
    assert (store.loads, endpoint.bodies) == (1, [])


async def test_a_client_without_a_token_uses_an_ageing_one_of_the_store() -> None:
    store = MemoryTokenStore()
    await store.save(KEY, stored("ageing", 60))
    assert await client(TokenEndpoint(), store).authorize() == "Bearer ageing"


@pytest.mark.parametrize("left", [29, 0, -5])
async def test_a_stored_token_near_its_end_is_replaced(left: float) -> None:
    store = MemoryTokenStore()
    await store.save(KEY, stored("old", left))
    assert await client(TokenEndpoint(), store).authorize() == "Bearer aaa.bbb.ccc"
    replaced = await store.load(KEY)
    assert replaced is not None
    assert replaced.value == "aaa.bbb.ccc"


async def test_a_token_is_good_for_no_longer_than_it_was_granted_whatever_another_clock_says() -> None:
    endpoint, store = TokenEndpoint(), MemoryTokenStore()
    await store.save(KEY, stored("from the future", 90_000, lifetime=3600))
    subject = client(endpoint, store)
    await subject.authorize()
    cache = subject._cache
    assert cache._expires - cache._clock() <= 3600


async def test_a_refused_token_leaves_the_store_and_is_not_used_again() -> None:
    endpoint, store = TokenEndpoint(), MemoryTokenStore()
    await store.save(KEY, stored("revoked", 3000))
    subject = client(endpoint, store)
    assert subject.on_unauthorized(await subject.authorize())
    assert await subject.authorize() == "Bearer aaa.bbb.ccc"
    assert len(endpoint.bodies) == 1


async def test_after_a_refusal_a_better_token_of_another_client_is_used() -> None:
    endpoint, store = TokenEndpoint(), MemoryTokenStore()
    await store.save(KEY, stored("revoked", 3000))
    subject = client(endpoint, store)
    used = await subject.authorize()
    await store.save(KEY, stored("better", 3000))
    subject.on_unauthorized(used)
    assert await subject.authorize() == "Bearer better"
    assert endpoint.bodies == []


async def test_a_store_that_fails_stops_no_call_and_is_asked_once(caplog: pytest.LogCaptureFixture) -> None:
    store = Breaking()
    assert await client(TokenEndpoint(), store).authorize() == "Bearer aaa.bbb.ccc"
    assert store.asked == 1
    assert "token store Breaking failed: RuntimeError" in caplog.text
    assert "hush" not in caplog.text


async def test_a_token_that_cannot_be_saved_is_used(caplog: pytest.LogCaptureFixture) -> None:
    store = SaveBreaks()
    assert await client(TokenEndpoint(), store).authorize() == "Bearer aaa.bbb.ccc"
    assert "aaa.bbb.ccc" not in caplog.text
    async with store.lock(KEY) as held:
        assert held, "the lock was released"


async def test_a_token_that_cannot_stand_in_a_header_is_not_taken_from_a_store() -> None:
    store = MemoryTokenStore()
    await store.save(KEY, stored("evil\r\nHost: evil", 3000))
    assert await client(TokenEndpoint(), store).authorize() == "Bearer aaa.bbb.ccc"


async def test_an_error_of_the_endpoint_is_raised_and_the_lock_released() -> None:
    store = MemoryTokenStore()
    with pytest.raises(AuthenticationFailed, match="invalid_client"):
        await client(TokenEndpoint(401, b'{"error":"invalid_client"}'), store).authorize()
    async with store.lock(KEY) as held:
        assert held


async def test_a_token_is_fetched_without_a_lock_that_is_not_acquired_in_time(caplog: pytest.LogCaptureFixture) -> None:
    store = MemoryTokenStore(lock_timeout=0.05)
    async with store.lock(KEY):
        assert await client(TokenEndpoint(), store).authorize() == "Bearer aaa.bbb.ccc"
    assert "could not acquire the lock of the token store in time" in caplog.text


def test_accounts_endpoints_and_scopes_do_not_share_a_token() -> None:
    keys = {
        store_key("ack_x", URL, ["a", "b"]),
        store_key("ack_y", URL, ["a", "b"]),
        store_key("ack_x", "https://other.example", ["a", "b"]),
        store_key("ack_x", URL, ["a"]),
        store_key("ack_x", URL, ["a b"]),
    }
    assert len(keys) == 5
    assert store_key("ack_x", URL, ["b", "a", "b"]) in keys


async def test_a_client_uses_its_credentials_store_and_leaves_it_open() -> None:
    store = MemoryTokenStore()
    credentials = OAuthCredentials("ack_sandbox", "sandbox_secret", scopes=[], store=store)
    from checkout_async import CheckoutClient

    async with Sandbox() as sandbox:
        for _ in range(2):
            async with CheckoutClient(credentials, base_url=sandbox.base_url, token_url=sandbox.token_url) as checkout:
                await checkout.payments.search_payments({"query": "id:'none'"})
        assert sandbox.count("request_access_token") == 1


def test_what_is_not_a_store_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="store must be TokenStore"):
        OAuthCredentials("ack_x", "hush", scopes=[], store="redis://")  # type: ignore[arg-type]  # what a user without types does


@pytest.fixture(autouse=True)
def _everything_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
