"""The fixtures, in tests of every kind."""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
import threading
import tomllib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from checkout_async import CheckoutClient, errors, threeds
from checkout_async.sandbox import CardholderError, Fault, Sandbox, card_number, payment_card
from checkout_async.testing import AnyLoopClient, MovableClock, ThreadedSandbox
from checkout_async.testing import thread as threaded

ORDER: Any = {
    "source": {"type": "card", "number": payment_card("approved"), "expiry_month": 1, "expiry_year": 2030},
    "amount": 6540,
    "currency": "GBP",
    "reference": "ORD-1",
    "capture": False,
}


def session_request(scenario: str, **more: object) -> Any:
    card = {"type": "card", "number": card_number(scenario), "expiry_month": 1, "expiry_year": 2030}
    return {"source": card, "amount": 100, "currency": "GBP", "completion": {"type": "non_hosted"}, **more}


async def pay(checkout: CheckoutClient) -> str:
    return (await checkout.payments.request_payment(ORDER)).id


class TestClient:
    def test_it_works_in_one_loop_after_the_other(
        self, checkout_client: CheckoutClient, checkout_sandbox: ThreadedSandbox
    ) -> None:
        for number in range(1, 4):
            assert asyncio.run(pay(checkout_client)) in checkout_sandbox.payments
            assert checkout_sandbox.count("request_payment") == number
        assert checkout_sandbox.count("request_access_token") == 1

    def test_it_works_in_several_loops_at_once(self, checkout_client: CheckoutClient) -> None:
        found: list[str] = []
        threads = [threading.Thread(target=lambda: found.append(asyncio.run(pay(checkout_client)))) for _ in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert len(set(found)) == 4

    async def test_it_works_in_an_async_test(
        self, checkout_client: CheckoutClient, checkout_sandbox: ThreadedSandbox
    ) -> None:
        payment = await pay(checkout_client)
        assert checkout_sandbox.payments[payment].status == "Authorized"
        async with checkout_client:
            assert (await checkout_client.payments.get_payment(payment)).id == payment
        with pytest.raises(errors.ClientClosed):
            await pay(checkout_client)

    async def test_a_cancelled_call_is_cancelled_in_the_other_thread(
        self, checkout_client: AnyLoopClient, checkout_sandbox: ThreadedSandbox
    ) -> None:
        await pay(checkout_client)
        with checkout_sandbox.hold("request_payment") as wait_until_it_arrived:
            call = asyncio.create_task(pay(checkout_client))
            await asyncio.to_thread(wait_until_it_arrived)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
        while not checkout_client.abandoned_calls:
            await asyncio.sleep(0.01)
        assert checkout_client.abandoned_calls[0].operation == "request_payment"

    def test_clients_that_are_derived_of_it_work_in_every_loop_too(
        self, checkout_client: CheckoutClient, checkout_sandbox: ThreadedSandbox
    ) -> None:
        derived = checkout_client.with_options(timeout=5)
        for _ in range(2):
            assert asyncio.run(pay(derived)) in checkout_sandbox.payments
        assert checkout_sandbox.count("request_access_token") == 1
        response = asyncio.run(derived.payments.with_response.get_payment(next(iter(checkout_sandbox.payments))))
        assert response.status == 200

    async def test_an_access_token_is_fetched(self, checkout_client: CheckoutClient) -> None:
        assert (await checkout_client.request_access_token()).expires_in == 3600

    def test_a_client_of_ones_own_is_one_of_its_loop(self, checkout_sandbox: ThreadedSandbox) -> None:
        async def once(checkout: CheckoutClient) -> None:
            async with checkout:
                await pay(checkout)

        asyncio.run(once(checkout_sandbox.client()))
        assert type(checkout_sandbox.client()) is CheckoutClient

    def test_from_env_makes_a_client_of_the_simulator(
        self, checkout_environment: dict[str, str], checkout_sandbox: ThreadedSandbox
    ) -> None:
        async def once() -> str:
            async with CheckoutClient.from_env() as checkout:
                return await pay(checkout)

        assert asyncio.run(once()) in checkout_sandbox.payments
        assert os.environ["CHECKOUT_BASE_URL"] == checkout_sandbox.base_url == checkout_environment["CHECKOUT_BASE_URL"]


def test_faults_are_planned(checkout_faults: Any, checkout_client: CheckoutClient) -> None:
    checkout_faults.add("request_payment", Fault.INTERNAL_ERROR)
    assert asyncio.run(pay(checkout_client))
    checkout_faults.add("request_payment", Fault.CONFLICT, times=None)
    checkout_faults.clear()
    assert asyncio.run(pay(checkout_client))
    with pytest.raises(ValueError, match="there is no operation 'pay'"):
        checkout_faults.add("pay", Fault.RESET)


class TestClock:
    async def test_advancing_it_ends_a_challenge_everywhere(
        self, checkout_clock: MovableClock, checkout_client: CheckoutClient, checkout_sandbox: ThreadedSandbox
    ) -> None:
        session = await checkout_client.sessions.request_session(session_request("challenge_no_method"))
        driver = threeds.Driver(checkout_client, session, channel_data=browser())
        assert isinstance(await driver.advance(), threeds.ShowChallenge)
        checkout_clock.advance(16 * 60)
        assert checkout_sandbox.sessions[session.id].status == "challenge_abandoned"
        step = await driver.advance()
        assert isinstance(step, threeds.Done)
        assert step.result.verdict is threeds.Verdict.ABANDONED

    async def test_it_wakes_a_step_that_waits_for_the_cardholder(
        self, checkout_clock: MovableClock, checkout_client: CheckoutClient
    ) -> None:
        session = await checkout_client.sessions.request_session(session_request("challenge_no_method"))
        shown = asyncio.Event()

        async def never(_step: threeds.CardholderStep) -> threeds.Event:
            shown.set()
            return await asyncio.Event().wait()  # type: ignore[return-value]

        result = asyncio.create_task(threeds.authenticate(checkout_client, session, never, channel_data=browser()))
        await shown.wait()
        checkout_clock.advance(16 * 60)
        assert (await result).verdict is threeds.Verdict.ABANDONED

    async def test_sleeping_takes_real_time_too(self, checkout_clock: MovableClock) -> None:
        before = checkout_clock.now()
        await checkout_clock.sleep(0.01)
        assert checkout_clock.now() >= before + 0.01

    async def test_without_the_fixture_drivers_use_real_time(self, checkout_sandbox: ThreadedSandbox) -> None:
        clock = MovableClock(checkout_sandbox)
        clock.advance(3600)
        session = await checkout_sandbox.any_loop_client().sessions.request_session(
            session_request("challenge_no_method")
        )
        driver = threeds.Driver(checkout_sandbox.any_loop_client(), session, channel_data=browser())
        await driver.advance()
        assert driver.time_left is not None
        assert driver.time_left > 800


def browser() -> Any:
    values = threeds.BrowserValues(screen_height=800, screen_width=600, timezone_offset=0)
    return threeds.browser_channel_data({"User-Agent": "Mozilla/5.0"}, "192.0.2.1", values)


class TestSandbox:
    def test_it_has_what_sandbox_has(self) -> None:
        public = {name for name in dir(Sandbox()) if not name.startswith("_")} - {"forget"}
        assert public <= set(dir(ThreadedSandbox))

    @pytest.mark.parametrize(
        ("ours", "theirs"),
        [("ThreadedSandbox", "Sandbox"), ("ThreadedCardholder", "Cardholder"), ("ThreadedCustomer", "Customer")],
    )
    def test_its_methods_take_the_same_arguments(self, ours: str, theirs: str) -> None:
        own: type = getattr(threaded, ours)
        original: type = getattr(import_module(SOURCE[theirs]), theirs)
        names = {name for name in dir(original) if not name.startswith("_") and callable(getattr(original, name))}
        for name in names - {"forget", "client"}:
            assert parameters(getattr(own, name)) == parameters(getattr(original, name)), name

    def test_the_cardholder_and_the_customer_are_played(
        self, checkout_sandbox: ThreadedSandbox, checkout_client: CheckoutClient
    ) -> None:
        async def challenged() -> str:
            session = await checkout_client.sessions.request_session(session_request("challenge_no_method"))
            await checkout_client.sessions.update_session(session.id, browser())
            return session.id

        session = asyncio.run(challenged())
        assert list(checkout_sandbox.sessions) == [session]
        assert len(checkout_sandbox.sessions) == 1
        assert checkout_sandbox.cardholder.complete_challenge(session, "Y").cres
        assert checkout_sandbox.sessions[session].status == "approved"
        with pytest.raises(CardholderError, match="there is no session"):
            checkout_sandbox.cardholder.abandon_challenge("sid_none")
        with pytest.raises(CardholderError, match="there is no payment"):
            checkout_sandbox.customer.approve("pay_none")
        with pytest.raises(KeyError):
            checkout_sandbox.payments["pay_none"]

    def test_its_books_can_be_read(self, checkout_sandbox: ThreadedSandbox, checkout_client: CheckoutClient) -> None:
        asyncio.run(pay(checkout_client))
        assert checkout_sandbox.payments.total("ORD-1").total_authorized == 6540
        assert [each.operation_id for each in checkout_sandbox.requests] == ["request_access_token", "request_payment"]
        assert checkout_sandbox.key_mismatches == ()
        checkout_sandbox.revoke_tokens()
        asyncio.run(pay(checkout_client))
        assert checkout_sandbox.count("request_access_token") == 2

    def test_connections_are_refused_inside_a_block(
        self, checkout_sandbox: ThreadedSandbox, checkout_client: CheckoutClient
    ) -> None:
        with checkout_sandbox.refusing(), pytest.raises(errors.ConnectFailed):
            asyncio.run(checkout_client.payments.request_payment(ORDER, timeout=0.05))
        assert asyncio.run(pay(checkout_client))

    async def test_webhooks_arrive_at_an_endpoint_in_the_loop_of_the_test(self) -> None:
        received: list[bytes] = []

        async def take(request: web.Request) -> web.Response:
            received.append(await request.read())
            return web.Response()

        app = web.Application()
        app.router.add_post("/", take)
        async with TestServer(app) as endpoint:
            with ThreadedSandbox(webhook_url=str(endpoint.make_url("/"))) as sandbox:
                await pay(sandbox.any_loop_client())
                with pytest.raises(RuntimeError, match=r"await asyncio\.to_thread\(sandbox\.webhooks_settled\)"):
                    sandbox.webhooks_settled()
                await asyncio.to_thread(sandbox.webhooks_settled)
                assert [each.delivered for each in sandbox.webhooks] == [True]
        assert len(received) == 1

    def test_it_runs_once_and_inside_with_only(self) -> None:
        sandbox = ThreadedSandbox()
        with pytest.raises(RuntimeError, match="inside `with ThreadedSandbox"):
            _ = sandbox.base_url
        with sandbox, pytest.raises(RuntimeError, match="already running"):
            sandbox.__enter__()

    def test_wrong_options_leave_no_thread_behind(self) -> None:
        before = threading.active_count()
        with pytest.raises(ValueError, match="webhook_secret"), ThreadedSandbox(webhook_secret=""):
            pass
        assert threading.active_count() == before

    def test_it_leaves_no_thread_and_no_open_connection(self) -> None:
        before = threading.active_count()
        with ThreadedSandbox() as sandbox:
            asyncio.run(pay(sandbox.any_loop_client()))
        gc.collect()
        assert threading.active_count() == before


SOURCE = {
    "Sandbox": "checkout_async.sandbox.http.server",
    "Cardholder": "checkout_async.sandbox.sessions.cardholder",
    "Customer": "checkout_async.sandbox.payments.customer",
}


def parameters(method: Callable[..., object]) -> list[str]:
    return list(inspect.signature(method).parameters)


class TestOptions:
    @pytest.fixture
    def checkout_sandbox_options(self) -> dict[str, object]:
        return {"exact": True}

    def test_a_fixture_changes_the_options(self, checkout_client: CheckoutClient) -> None:
        order = cast("Any", {**ORDER, "colour": "blue"})
        with pytest.raises(errors.UnprocessableEntity, match="colour_invalid"):
            asyncio.run(checkout_client.payments.request_payment(order, validate="off"))


def test_the_plugin_is_published_under_the_name_of_its_module() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    ((name, module),) = project["entry-points"]["pytest11"].items()
    assert name == module == "checkout_async.testing.plugin"
