"""A sandbox whose event loop stands still says so, to any client, and carries nothing out."""

from __future__ import annotations

import asyncio
import http.client
import json
import logging
import sys
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import FrameType, SimpleNamespace
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import pytest

from checkout_async import CheckoutClient, SecretKey, errors
from checkout_async.sandbox import SECRET_KEY, Sandbox, payment_card
from checkout_async.sandbox.http import standstill

ORDER: Any = {
    "source": {"type": "card", "number": payment_card("approved"), "expiry_month": 1, "expiry_year": 2030},
    "amount": 6540,
    "currency": "GBP",
}


@pytest.fixture(autouse=True)
def quick_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standstill, "PATIENCE", 60)
    monkeypatch.setattr(standstill, "_TICK", 0.02)


@contextmanager
def impatient(seconds: float = 0.1) -> Generator[None]:
    """Have the watch wait for little. Outside, a loop that a busy machine lets wait does not stand still."""
    with patch.object(standstill, "PATIENCE", seconds):
        yield


def pay_elsewhere(sandbox: Sandbox, *, key: bool = False) -> None:
    """Pay as an application behind a synchronous test client does: in another thread's loop, while this one waits."""

    async def pay() -> None:
        client = CheckoutClient(SecretKey(SECRET_KEY), base_url=sandbox.base_url) if key else sandbox.client()
        async with client as checkout:
            await checkout.payments.request_payment(ORDER, timeout=10)

    with impatient(), ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, pay()).result()


async def test_a_token_request_hears_where_the_loop_waits(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "checkout_async.sandbox"):
        async with Sandbox() as sandbox:
            with pytest.raises(errors.AuthenticationFailed) as caught:
                pay_elsewhere(sandbox)
            assert sandbox.count("request_access_token") == 0
    assert "event loop has stood still for 0.1 s at test_standstill.py, line" in str(caught.value)
    assert "pool.submit(asyncio.run, pay()).result()" in str(caught.value)
    assert "Use ThreadedSandbox or the fixture checkout_sandbox" in str(caught.value)
    assert "in pay_elsewhere" in caplog.text


async def test_a_payment_hears_it_and_is_not_made_later(caplog: pytest.LogCaptureFixture) -> None:
    async with Sandbox() as sandbox:
        with pytest.raises(errors.ApiError, match="event loop has stood still") as caught:
            pay_elsewhere(sandbox, key=True)
        assert not caught.value.may_have_been_done
        async with sandbox.client() as checkout:
            await checkout.payments.request_payment(ORDER)
        assert (sandbox.count("request_payment"), len(sandbox.payments)) == (1, 1)


async def test_a_connection_that_is_open_already_hears_it_too(caplog: pytest.LogCaptureFixture) -> None:
    async with Sandbox() as sandbox:
        address = urlsplit(sandbox.base_url).netloc
        connection = http.client.HTTPConnection(address, timeout=10)

        def ask() -> tuple[int, dict[str, Any]]:
            connection.request("GET", "/payments/pay_1", headers={"Authorization": SECRET_KEY})
            with connection.getresponse() as reply:
                body = reply.read()
                return reply.status, json.loads(body) if body else {}

        assert (await asyncio.to_thread(ask))[0] == 401
        with impatient(), ThreadPoolExecutor(1) as pool:
            status, body = pool.submit(ask).result()
        assert (status, body["error"]) == (421, "sandbox_event_loop_blocked")
        assert (await asyncio.to_thread(ask))[0] == 401, "the loop runs again, and answers again"
        assert sandbox.count("get_payment") == 2
        connection.close()


@pytest.mark.costly
async def test_a_loop_that_computes_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0

    def current_frames() -> dict[int, FrameType]:
        nonlocal looks
        looks += 1
        return sys._current_frames()

    monkeypatch.setattr(standstill, "sys", SimpleNamespace(_current_frames=current_frames))
    async with Sandbox() as sandbox:
        # On a busy machine, the thread that computes may not move for several looks.
        with impatient(40 * standstill._TICK), ThreadPoolExecutor(1) as pool:

            async def pay() -> str:
                async with sandbox.client() as checkout:
                    return (await checkout.payments.request_payment(ORDER)).id

            paid = pool.submit(asyncio.run, pay())
            number = 0
            while looks < 50:
                number += sum(range(number % 97))
                number += len(str(number))
                number -= max(number % 89, 1)
                number += sum(divmod(number, 83))
                number %= 10**9
            await asyncio.wrap_future(paid)
        assert len(sandbox.payments) == 1
