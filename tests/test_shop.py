"""The example shop's responses to malformed and forged requests; tests/browser runs its normal flow."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace

import aiohttp
import pytest

from checkout_async import threeds, webhooks
from checkout_async.sandbox import WEBHOOK_SECRET, Fault, card_number
from examples.shop import flow
from examples.shop.demo import RunningShop, run_shop
from examples.shop.flow import BODY_LIMIT
from tests.threeds.support import Html, skip_waits

CARD = {"number": card_number("challenge_no_method"), "month": "1", "year": "2030", "completion": "non_hosted"}
BROWSER = {"User-Agent": "Mozilla/5.0"}


@pytest.fixture
async def shop() -> AsyncIterator[RunningShop]:
    async with run_shop() as started:
        yield started


@pytest.fixture
async def http(shop: RunningShop) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(shop.address, headers=BROWSER) as session:
        yield session


async def post(http: aiohttp.ClientSession, path: str, fields: dict[str, str]) -> tuple[int, str]:
    async with http.post(path, data=fields) as reply:
        return reply.status, await reply.text()


async def ordered(http: aiohttp.ClientSession, completion: str = "non_hosted") -> str:
    """Pay with a card that is challenged, and return the path of the order."""
    async with http.post("/pay", data=CARD | {"completion": completion}, allow_redirects=False) as reply:
        assert reply.status == 303
        return reply.headers["Location"]


async def test_an_invalid_card_number_is_refused_and_not_shown(http: aiohttp.ClientSession) -> None:
    status, page = await post(http, "/pay", CARD | {"number": "4000000000000000"})
    assert status == 422
    assert "check the card number" in page
    assert "4000000000000000" not in page


async def authenticated(http: aiohttp.ClientSession, shop: RunningShop) -> str:
    """Pay with a card that is challenged, pass the challenge, and return the path of the order."""
    path = await ordered(http)
    async with http.get(path) as reply:
        assert "Your bank wants to know that it is you" in await reply.text()
    session_id = list(shop.sandbox.sessions)[-1]
    back = await shop.sandbox.cardholder.complete_challenge(session_id)
    status, page = await post(http, f"{path}/challenge", {"cres": back.cres})
    assert (status, Html(page).only("script")["data-to"]) == (200, path)
    return path


async def test_the_shop_pays_once_captures_and_refunds(http: aiohttp.ClientSession, shop: RunningShop) -> None:
    path = await authenticated(http, shop)
    pages = await asyncio.gather(*(text(http, path) for _ in range(3)))
    assert all("You paid £65.40." in page for page in pages)
    (payment,) = shop.sandbox.payments.values()
    assert (payment.status, payment.amount, payment.balances.total_authorized) == ("Authorized", 6540, 6540)

    assert "refund" not in pages[0]
    status, page = await post(http, f"{path}/capture", {})
    assert (status, shop.sandbox.payments[payment.id].balances.total_captured) == (200, 6540)
    assert {form["action"] for form in Html(page).all("form")} == {f"{path}/refund"}
    await post(http, f"{path}/capture", {})
    status, page = await post(http, f"{path}/refund", {})
    assert (status, shop.sandbox.payments[payment.id].balances.total_refunded) == (200, 6540)
    assert "Refunded" in page
    assert Html(page).all("form") == []
    assert CARD["number"] not in page


async def test_a_payment_in_doubt_is_not_made_again_on_a_page_that_is_restored_the_next_day(
    http: aiohttp.ClientSession, shop: RunningShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await authenticated(http, shop)
    shop.sandbox.faults.add("request_payment", Fault.LOST_REPLY, times=None)
    async with http.get(path) as reply:
        assert reply.status == 502
    shop.sandbox.faults.clear()
    await shop.sandbox.advance(25 * 3600)  # the key of the payment has expired
    later = time.time() + 25 * 3600
    monkeypatch.setattr(flow, "time", SimpleNamespace(time=lambda: later), raising=False)
    async with http.get(path) as reply:
        assert reply.status == 404
    assert len(shop.sandbox.payments) == 1


async def test_what_a_payment_does_not_allow_is_said(http: aiohttp.ClientSession, shop: RunningShop) -> None:
    path = await authenticated(http, shop)
    await text(http, path)
    await post(http, f"{path}/void", {})
    (payment,) = shop.sandbox.payments.values()
    assert payment.status == "Voided"
    status, page = await post(http, f"{path}/refund", {})
    assert (status, "The payment does not allow that any more." in page) == (409, True)


async def test_nothing_can_be_captured_before_it_is_paid(http: aiohttp.ClientSession) -> None:
    path = await ordered(http)
    assert (await post(http, f"{path}/capture", {}))[0] == 404


async def text(http: aiohttp.ClientSession, path: str) -> str:
    async with http.get(path) as reply:
        return await reply.text()


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"number": "4000000000000000"}, 422, "number"),
        ({"number": "4242 4242 4242 424x"}, 400, "number"),
        ({"month": "13"}, 422, "month"),
        ({"month": "May"}, 400, "month"),
        ({"year": ""}, 400, "year"),
        ({"year": "2030", "number": card_number("not_enrolled")}, 422, "number"),
    ],
)
async def test_an_error_stands_at_its_field(
    http: aiohttp.ClientSession, change: dict[str, str], status: int, field: str
) -> None:
    got, page = await post(http, "/pay", CARD | {"completion": "hosted"} | change)
    assert got == status
    inputs = {each["name"]: each for each in Html(page).all("input") if each.get("inputmode")}
    (note,) = (each for each in Html(page).all("span") if each.get("class") == "bad")
    assert [name for name, each in inputs.items() if "aria-invalid" in each] == [field]
    assert inputs[field]["aria-describedby"] == note["id"] == f"{field}-error"
    assert "autofocus" in inputs[field]
    sent = CARD | change
    assert [inputs[name].get("value") for name in ("number", "month", "year")] == [None, sent["month"], sent["year"]]
    assert sent["number"] not in page.partition("<details>")[0], "below are the test cards"
    chosen = [each["value"] for each in Html(page).all("input") if "checked" in each]
    assert chosen == ["hosted"]


async def test_an_invalid_expiry_date_is_refused(http: aiohttp.ClientSession) -> None:
    status, page = await post(http, "/pay", CARD | {"month": "May"})
    assert status == 400
    assert "expiry date" in page


@pytest.mark.parametrize("path", ["", "/method", "/challenge", "/callback", "/success", "/failure"])
async def test_a_guessed_order_number_is_not_found(http: aiohttp.ClientSession, path: str) -> None:
    method = "POST" if path in {"/method", "/challenge", "/callback"} else "GET"
    fields = {"threeDSMethodData": "e30", "cres": "e30"} if path in {"/method", "/challenge"} else None
    async with http.request(method, f"/3ds/guessed{path}", data=fields) as reply:
        assert reply.status in {400, 404}
        assert "That did not work" in await reply.text()


async def test_a_forged_message_is_refused_and_the_challenge_stays(
    http: aiohttp.ClientSession, shop: RunningShop
) -> None:
    path = await ordered(http)
    for name, forged in (("challenge", {"cres": "nonsense"}), ("callback", {"status": "approved"})):
        status, page = await post(http, f"{path}/{name}", forged)
        assert status == 400
        assert "That did not work" in page
    async with http.get(path) as reply:
        assert "Your bank wants to know that it is you" in await reply.text()


async def test_a_forged_return_changes_nothing_and_does_not_block_for_long(
    http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept = skip_waits(monkeypatch)
    path = await ordered(http, "hosted")
    async with http.get(f"{path}/success") as reply:
        assert "Taking you to the bank" in await reply.text()
    assert 5 <= sum(slept) < 10


async def test_a_failed_challenge_is_undecided_until_the_session_has_a_result(
    http: aiohttp.ClientSession, shop: RunningShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_waits(monkeypatch)
    path = await ordered(http)
    async with http.get(path) as reply:
        assert "Your bank wants to know that it is you" in await reply.text()
    await post(
        http, f"{path}/challenge", {"cres": threeds.emv.encode_json({"messageType": "Erro", "errorCode": "403"})}
    )
    async with http.get(path) as reply:
        assert "Your bank has not decided yet" in await reply.text()
        assert reply.headers["Refresh"]
    (session_id,) = shop.sandbox.sessions
    await shop.sandbox.cardholder.complete_challenge(session_id, "N")
    async with http.get(path) as reply:
        assert "choose another card" in await reply.text()
        assert "Refresh" not in reply.headers


@pytest.mark.parametrize(("path", "length", "status"), [("/pay", BODY_LIMIT + 1, 413), ("/pay", BODY_LIMIT - 1, 400)])
async def test_a_body_has_a_limit(http: aiohttp.ClientSession, path: str, length: int, status: int) -> None:
    async with http.post(path, data=b"x" * length) as reply:
        assert reply.status == status


async def test_a_webhook_counts_only_with_its_signature(http: aiohttp.ClientSession) -> None:
    body = b'{"id": "evt_1", "type": "authentication_approved", "data": {"session_id": "sid_1"}}'
    for key, status in (("a guessed key", 401), (WEBHOOK_SECRET, 200)):
        headers = {webhooks.SIGNATURE_HEADER: webhooks.sign(body, key)}
        async with http.post("/webhooks", data=body, headers=headers) as reply:
            assert reply.status == status


@pytest.mark.parametrize("path", ["/", "/3ds/guessed"])
async def test_pages_have_a_strict_policy_and_set_no_cookie(http: aiohttp.ClientSession, path: str) -> None:
    async with http.get(path) as reply:
        policy = reply.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
        assert "frame-ancestors" in policy
        assert "Set-Cookie" not in reply.headers


async def test_after_an_error_of_the_api_the_page_offers_a_retry(http: aiohttp.ClientSession) -> None:
    status, page = await post(http, "/pay", CARD | {"number": card_number("internal_error")})
    assert status == 502
    assert "Try again" in page
