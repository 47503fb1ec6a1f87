"""The token cache: one fetch for any number of waiters, early refresh, and what happens when a fetch fails."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

from checkout_async.auth import AccessToken, MemoryTokenStore
from checkout_async.auth.shared_token import SharedToken
from checkout_async.auth.token_cache import TokenCache
from checkout_async.errors import AuthenticationFailed, ClientClosed
from tests.transport.virtual_time import settle


def granted(value: str, lifetime: float) -> AccessToken:
    return AccessToken(value, time.time() + lifetime, lifetime)


class Endpoint:
    """A token endpoint whose answers wait until `release()` and count up."""

    def __init__(self, *, lifetime: float = 3600.0, held: bool = False) -> None:
        self.lifetime = lifetime
        self.fetches = 0
        self.failure: Exception | None = None
        self._open = asyncio.Event()
        if not held:
            self._open.set()

    def release(self) -> None:
        self._open.set()

    async def fetch(self) -> AccessToken:
        self.fetches += 1
        number = self.fetches
        await self._open.wait()
        if self.failure is not None:
            raise self.failure
        return granted(f"token {number}", self.lifetime)


class ManualTime:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def settled(condition: Callable[[], bool]) -> None:
    for _ in range(100):
        if condition():
            return
        await asyncio.sleep(0)
    pytest.fail("it did not happen")


async def test_a_thousand_callers_at_once_cause_one_fetch() -> None:
    endpoint = Endpoint(held=True)
    cache = TokenCache(endpoint.fetch, ManualTime())
    callers = [asyncio.create_task(cache.get()) for _ in range(1000)]
    await settled(lambda: endpoint.fetches > 0)
    endpoint.release()
    assert set(await asyncio.gather(*callers)) == {"token 1"}
    assert endpoint.fetches == 1


async def test_a_fresh_token_is_used_as_it_is() -> None:
    endpoint, time = Endpoint(), ManualTime()
    cache = TokenCache(endpoint.fetch, time)
    await cache.get()
    time.now += 3600 - 121
    assert await cache.get() == "token 1"
    await settle()
    assert cache._fetching is None
    assert endpoint.fetches == 1


async def test_an_ageing_token_is_used_while_one_fetch_runs_in_the_background() -> None:
    endpoint, time = Endpoint(), ManualTime()
    cache = TokenCache(endpoint.fetch, time)
    await cache.get()
    time.now += 3600 - 119
    assert [await cache.get() for _ in range(3)] == ["token 1"] * 3
    await settled(lambda: endpoint.fetches == 2)
    await asyncio.sleep(0)
    assert await cache.get() == "token 2"
    assert endpoint.fetches == 2


async def test_a_stale_token_is_never_used() -> None:
    endpoint, time = Endpoint(), ManualTime()
    cache = TokenCache(endpoint.fetch, time)
    await cache.get()
    time.now += 3600 - 29
    assert await cache.get() == "token 2"


async def test_a_short_lived_token_is_fresh_for_most_of_its_life() -> None:
    endpoint, time = Endpoint(lifetime=40), ManualTime()
    cache = TokenCache(endpoint.fetch, time)
    await cache.get()
    time.now += 29
    await cache.get()
    await settle()
    assert (cache._fetching, endpoint.fetches) == (None, 1)
    time.now += 2
    assert await cache.get() == "token 1"
    await settle()
    assert endpoint.fetches == 2, "it is ageing in the last quarter of its life"


async def test_a_short_lived_token_is_stale_in_the_last_eighth_of_its_life() -> None:
    endpoint, time = Endpoint(lifetime=40), ManualTime()
    cache = TokenCache(endpoint.fetch, time)
    await cache.get()
    time.now += 35.2
    assert await cache.get() == "token 2"


@pytest.mark.parametrize(("left", "value", "fetches"), [(30, "token 2", 2), (31, "token 1", 2), (120, "token 1", 2)])
async def test_at_its_margins_a_token_is_already_stale_or_ageing(left: int, value: str, fetches: int) -> None:
    endpoint, time = Endpoint(), ManualTime()
    cache = TokenCache(endpoint.fetch, time)
    await cache.get()
    time.now += 3600 - left
    assert await cache.get() == value
    await settle()
    assert endpoint.fetches == fetches


async def test_just_after_the_start_of_the_machine_an_ageing_token_is_refreshed() -> None:
    endpoint, time = Endpoint(lifetime=1.0), ManualTime()
    time.now = 0.0
    cache = TokenCache(endpoint.fetch, time)
    await cache.get()
    time.now = 0.8
    assert await cache.get() == "token 1"
    await settle()
    assert endpoint.fetches == 2


async def test_the_lifetime_counts_from_the_question_not_from_the_answer() -> None:
    time = ManualTime()

    async def slow() -> AccessToken:
        time.now += 50
        return granted("slow", 60)

    cache = TokenCache(slow, time)
    asked = time.now
    await cache.get()
    time.now = asked + 58
    await cache.get()
    assert time.now == asked + 58 + 50, "a token asked for 58 seconds ago and good for 60 must be replaced"


async def test_a_dropped_token_is_replaced() -> None:
    cache = TokenCache(Endpoint().fetch, ManualTime())
    cache.drop(await cache.get())
    assert await cache.get() == "token 2"


async def test_a_token_may_be_dropped_by_all_who_used_it() -> None:
    cache = TokenCache(Endpoint().fetch, ManualTime())
    used = await cache.get()
    cache.drop(used)
    cache.drop(used)
    assert await cache.get() == "token 2"


class Store(MemoryTokenStore):
    """A store that removes nothing, but counts what it was to remove."""

    def __init__(self) -> None:
        super().__init__()
        self.removals: list[str] = []

    async def remove(self, key: str, value: str) -> None:
        self.removals.append(str(value))


async def test_a_dropped_token_that_stays_in_the_store_is_replaced_there_once() -> None:
    store, clock, names = Store(), ManualTime(), iter(("first", "second"))

    async def fetch() -> AccessToken:
        return granted(next(names), 3600)

    cache = TokenCache(fetch, clock, SharedToken(store, "key"))
    cache.drop(await cache.get())
    assert await cache.get() == "second"
    kept = await store.load("key")
    assert kept is not None
    assert kept.value == "second"
    clock.now += 3600
    await store.save("key", granted("another", 3600))
    assert await cache.get() == "another"
    assert store.removals == ["first"]


async def test_dropping_an_older_token_leaves_the_current_one() -> None:
    endpoint = Endpoint()
    cache = TokenCache(endpoint.fetch, ManualTime())
    cache.drop(await cache.get())
    current = await cache.get()
    cache.drop("token 1")
    assert await cache.get() == current
    assert endpoint.fetches == 2


async def test_a_caller_between_the_end_of_a_fetch_and_its_callbacks_causes_another_one() -> None:
    outcomes: list[object] = []
    fetches = 0

    def call() -> None:
        calling = cache.get()
        try:
            outcomes.append(calling.send(None))
        except AuthenticationFailed as error:
            outcomes.append(error)
        calling.close()

    async def fetch() -> AccessToken:
        nonlocal fetches
        fetches += 1
        if fetches == 1:
            asyncio.get_running_loop().call_soon(call)
            raise AuthenticationFailed("refused")
        return granted("later", 3600)

    cache = TokenCache(fetch, ManualTime())
    with pytest.raises(AuthenticationFailed):
        await cache.get()
    await settle()
    assert [type(outcome) for outcome in outcomes] == [asyncio.Future]
    assert await cache.get() == "later"
    assert fetches == 2


@pytest.mark.parametrize(
    ("failure", "text"), [(AuthenticationFailed("refused"), "refused"), (ValueError("hush"), "ValueError")]
)
async def test_a_failed_fetch_is_logged_with_our_own_texts_only(
    failure: Exception, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint = Endpoint()
    endpoint.failure = failure
    with pytest.raises(type(failure)):
        await TokenCache(endpoint.fetch, ManualTime()).get()
    await settle()
    assert [record.getMessage() for record in caplog.records] == [f"fetching an access token failed: {text}"]


async def test_the_task_of_a_fetch_has_a_name_that_says_whose_it_is() -> None:
    endpoint = Endpoint(held=True)
    cache = TokenCache(endpoint.fetch, ManualTime())
    waiting = asyncio.create_task(cache.get())
    await settled(lambda: endpoint.fetches == 1)
    assert "checkout_async token fetch" in {task.get_name() for task in asyncio.all_tasks()}
    endpoint.release()
    await waiting


async def test_a_cancelled_caller_does_not_cancel_the_fetch_for_the_others() -> None:
    endpoint = Endpoint(held=True)
    cache = TokenCache(endpoint.fetch, ManualTime())
    first, second = asyncio.create_task(cache.get()), asyncio.create_task(cache.get())
    await settled(lambda: endpoint.fetches == 1)
    first.cancel()
    await asyncio.sleep(0)
    endpoint.release()
    assert await second == "token 1"
    assert first.cancelled()
    assert endpoint.fetches == 1


async def test_a_failed_fetch_fails_its_waiters_and_the_next_caller_tries_again() -> None:
    endpoint = Endpoint()
    endpoint.failure = AuthenticationFailed("refused")
    cache = TokenCache(endpoint.fetch, ManualTime())
    results = await asyncio.gather(cache.get(), cache.get(), return_exceptions=True)
    assert [type(result) for result in results] == [AuthenticationFailed, AuthenticationFailed]
    assert results[0] is not results[1], "what a caller sets on its error must not show on another's"
    endpoint.failure = None
    assert await cache.get() == "token 2"


async def test_each_waiter_learns_the_cause_of_the_failure() -> None:
    endpoint = Endpoint()
    endpoint.failure = AuthenticationFailed("refused")
    endpoint.failure.__cause__ = cause = ValueError("why")
    cache = TokenCache(endpoint.fetch, ManualTime())
    for error in await asyncio.gather(cache.get(), cache.get(), return_exceptions=True):
        assert isinstance(error, AuthenticationFailed)
        assert error.__cause__ is cause


async def test_a_failing_refresh_pauses_while_the_old_token_is_still_good() -> None:
    endpoint, time = Endpoint(), ManualTime()
    cache = TokenCache(endpoint.fetch, time)
    await cache.get()
    time.now += 3600 - 100
    endpoint.failure = AuthenticationFailed("down")
    for _ in range(5):
        assert await cache.get() == "token 1"
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert endpoint.fetches == 2
    time.now += 5
    assert await cache.get() == "token 1"
    await settled(lambda: endpoint.fetches == 3)


async def test_closing_cancels_a_fetch_in_progress_and_fails_its_callers() -> None:
    endpoint = Endpoint(held=True)
    cache = TokenCache(endpoint.fetch, ManualTime())
    waiting = asyncio.create_task(cache.get())
    await settled(lambda: endpoint.fetches == 1)
    await cache.aclose()
    with pytest.raises(ClientClosed, match="client was closed"):
        await waiting
    await cache.aclose()


@pytest.mark.parametrize(
    ("left", "value", "fetches"), [(20, "ageing", 0), (30, "ageing", 0), (100, "first", 1)], ids=str
)
async def test_an_ageing_token_of_the_store_is_taken_only_for_a_stale_one(left: int, value: str, fetches: int) -> None:
    store, endpoint, clock = MemoryTokenStore(), Endpoint(), ManualTime()
    cache = TokenCache(endpoint.fetch, clock, SharedToken(store, "key"))
    await store.save("key", AccessToken("first", time.time() + 4000, 3000))
    assert await cache.get() == "first"
    clock.now += 3000 - left
    await store.save("key", AccessToken("ageing", time.time() + 100, 3600))
    assert await cache.get() == value
    await settle()
    assert endpoint.fetches == fetches


async def test_closing_waits_until_a_fetch_has_ended() -> None:
    ended = False

    async def fetch() -> AccessToken:
        nonlocal ended
        try:
            await asyncio.Event().wait()
            return granted("late", 3600)
        finally:
            await asyncio.sleep(0)
            ended = True

    cache = TokenCache(fetch, ManualTime())
    waiting = asyncio.create_task(cache.get())
    await settle()
    await cache.aclose()
    assert ended
    with pytest.raises(ClientClosed):
        await waiting


async def test_a_fetch_that_something_else_cancels_does_not_mean_a_closed_client() -> None:
    endpoint = Endpoint(held=True)
    cache = TokenCache(endpoint.fetch, ManualTime())
    waiting = asyncio.create_task(cache.get())
    await settled(lambda: endpoint.fetches == 1)
    assert cache._fetching is not None
    cache._fetching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_a_caller_that_is_cancelled_stays_cancelled_though_the_cache_is_closed() -> None:
    endpoint = Endpoint(held=True)
    cache = TokenCache(endpoint.fetch, ManualTime())
    await cache.aclose()
    waiting = asyncio.create_task(cache.get())
    await settled(lambda: endpoint.fetches == 1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await cache.aclose()


def test_a_token_is_not_printed() -> None:
    token = granted("hush", 5)
    assert "hush" not in f"{token!r} {token.value!r}"
