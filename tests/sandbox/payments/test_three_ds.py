"""3D Secure: run on the redirect page, done before with a session or by a third party, asked for by the issuer."""

from __future__ import annotations

import pytest

from checkout_async.sandbox import CardholderError, Sandbox, card_number
from tests.sandbox.payments.support import TOKEN, URLS, PaymentsApi, card, order
from tests.sandbox.support import BROWSER_WITH_METHOD, Answer, Json
from tests.sandbox.support import order as session_order

ENABLED: Json = {"enabled": True}
CRYPTOGRAM = "AAAAAAAAAAAAAAAAAAAAAAAAAAA="
UNKNOWN_SESSION = "sid_aaaaaaaaaaaaaaaaaaaaaaaaaa"
MINUTES = 60


async def authenticated(api: PaymentsApi, scenario: str = "frictionless", **changes: object) -> Json:
    """A finished session."""
    return (await api.finished(scenario, **changes)).body


def card_of(scenario: str = "frictionless") -> Json:
    """The card of a session's scenario, as source of a payment."""
    return card() | {"number": card_number(scenario)}


def third_party(session: Json) -> Json:
    """A session's result, handed over like a third party's."""
    return ENABLED | {name: session[name] for name in ("eci", "cryptogram", "xid")} | {"version": "2.2.0"}


async def test_integrated_authentication_sends_the_customer_away(sandbox: Sandbox, api: PaymentsApi) -> None:
    answer = await api.pay(order(three_ds=ENABLED) | URLS)
    payment_id = answer.body["id"]
    waiting = await api.payment(payment_id)
    url = await sandbox.customer.approve(payment_id)
    done = await api.payment(payment_id)

    assert (answer.status, answer.body["status"], answer.body["3ds"]["enrolled"]) == (202, "Pending", "Y")
    assert (waiting["status"], "approved" in waiting, waiting["actions"]) == ("Pending", False, [])
    assert (done["status"], done["approved"], done["eci"]) == ("Authorized", True, "05")
    assert (done["3ds"]["authentication_response"], len(done["3ds"]["cryptogram"])) == ("Y", 28)
    assert "redirect" not in done["_links"]
    assert url.startswith("https://shop.example/ok?cko-session-id=sid_")


async def test_a_verification_may_be_authenticated(sandbox: Sandbox, api: PaymentsApi) -> None:
    payment_id = (await api.pay(order(three_ds=ENABLED, amount=0))).body["id"]
    await sandbox.customer.approve(payment_id)

    assert (await api.payment(payment_id))["status"] == "Card Verified"


async def test_an_authenticated_payment_is_captured_by_itself(sandbox: Sandbox, api: PaymentsApi) -> None:
    payment_id = (await api.pay(order(three_ds=ENABLED, capture=True))).body["id"]
    await sandbox.customer.approve(payment_id)

    assert (await api.payment(payment_id))["status"] == "Captured"


async def test_the_customer_may_fail(sandbox: Sandbox, api: PaymentsApi) -> None:
    payment_id = (await api.pay(order(three_ds=ENABLED) | URLS)).body["id"]
    url = await sandbox.customer.fail(payment_id)
    body = await api.payment(payment_id)

    assert (body["status"], body["approved"], body["response_code"]) == ("Declined", False, "20151")
    assert url.startswith("https://shop.example/sorry?from=pay&cko-session-id=sid_")


async def test_the_customer_may_cancel(sandbox: Sandbox, api: PaymentsApi) -> None:
    payment_id = (await api.pay(order(three_ds=ENABLED))).body["id"]
    url = await sandbox.customer.cancel(payment_id)

    assert (await api.payment(payment_id))["status"] == "Canceled"
    assert url == ""


async def test_the_customer_has_fifteen_minutes(sandbox: Sandbox, api: PaymentsApi) -> None:
    payment_id = (await api.pay(order(three_ds=ENABLED))).body["id"]
    await sandbox.advance(15 * MINUTES - 1)
    before = await api.payment(payment_id)
    await sandbox.advance(1)
    after = await api.payment(payment_id)

    assert before["status"] == "Pending"
    assert (after["status"], after["approved"], after["response_code"]) == ("Expired", False, "20152")


async def test_on_another_methods_page_the_customer_has_an_hour(sandbox: Sandbox, api: PaymentsApi) -> None:
    payment_id = (await api.pay(order(source={"type": "ideal"}))).body["id"]
    await sandbox.advance(60 * MINUTES - 1)
    before = await api.payment(payment_id)
    await sandbox.advance(1)

    assert before["status"] == "Pending"
    assert (await api.payment(payment_id))["status"] == "Expired"


async def test_the_issuer_may_still_refuse_after_the_authentication(sandbox: Sandbox, api: PaymentsApi) -> None:
    payment_id = (await api.pay(order("insufficient_funds", three_ds=ENABLED) | URLS)).body["id"]
    url = await sandbox.customer.approve(payment_id)
    body = await api.payment(payment_id)

    assert (body["status"], body["response_code"]) == ("Declined", "20051")
    assert url.startswith("https://shop.example/sorry")


@pytest.mark.parametrize("play", ["approve", "fail", "cancel"])
async def test_a_customer_acts_once_and_only_where_one_is_waited_for(
    sandbox: Sandbox, api: PaymentsApi, play: str
) -> None:
    payment_id = (await api.pay(order(three_ds=ENABLED))).body["id"]
    await sandbox.customer.approve(payment_id)

    for other, why in ((payment_id, "is Authorized"), (await api.paid(), "is Authorized"), ("pay_x", "there is no")):
        with pytest.raises(CardholderError, match=why):
            await getattr(sandbox.customer, play)(other)


@pytest.mark.parametrize(("play", "status"), [("approve", "Authorized"), ("fail", "Declined"), ("cancel", "Canceled")])
async def test_another_process_can_play_the_customer(api: PaymentsApi, play: str, status: str) -> None:
    payment_id = (await api.pay(order(three_ds=ENABLED) | URLS)).body["id"]
    first = await api.send("POST", f"/_sandbox/payments/{payment_id}/{play}", json={})
    again = await api.send("POST", f"/_sandbox/payments/{payment_id}/{play}", json={})

    assert (first.status, "cko-session-id" in first.body["url"]) == (200, True)
    assert (again.status, status in again.body["error"]) == (409, True)
    assert (await api.payment(payment_id))["status"] == status


async def test_the_returning_customer_brings_an_identifier_for_fifteen_minutes(
    sandbox: Sandbox, api: PaymentsApi
) -> None:
    payment_id = (await api.pay(order(three_ds=ENABLED) | URLS)).body["id"]
    session_id = (await sandbox.customer.approve(payment_id)).rpartition("=")[2]
    read = await api.read(f"/payments/{session_id}")
    await sandbox.advance(15 * MINUTES)

    assert read.body == await api.payment(payment_id)
    assert (await api.read(f"/payments/{session_id}")).status == 404
    assert (await api.read(f"/payments/{session_id}/actions")).status == 404


async def test_an_issuer_outside_3d_secure_declines_unless_it_may_be_left_out(api: PaymentsApi) -> None:
    strict = await api.pay(order("not_enrolled", three_ds=ENABLED))
    lenient = await api.pay(order("not_enrolled", three_ds=ENABLED | {"attempt_n3d": True}))

    assert (strict.status, strict.body["status"], strict.body["response_code"]) == (201, "Declined", "20150")
    assert (lenient.status, lenient.body["status"]) == (201, "Authorized")
    assert lenient.body["3ds"] == {"downgraded": True, "enrolled": "N"}


async def test_a_merchant_initiated_payment_is_not_authenticated(api: PaymentsApi) -> None:
    answer = await api.pay(order("sca_required", merchant_initiated=True, payment_type="Unscheduled", three_ds=ENABLED))

    assert (answer.status, answer.body["status"]) == (201, "Authorized")


async def test_a_soft_decline_is_moved_to_3d_secure_where_allowed(sandbox: Sandbox, api: PaymentsApi) -> None:
    refused = await api.pay(order("sca_required"))
    upgraded = await api.pay(order("sca_required", three_ds={"enabled": False, "allow_upgrade": True}))
    await sandbox.customer.approve(upgraded.body["id"])
    done = await api.payment(upgraded.body["id"])

    assert (refused.status, refused.body["status"], refused.body["response_code"]) == (201, "Declined", "20154")
    assert (upgraded.status, upgraded.body["3ds"]["upgrade_reason"]) == (202, "sca_retry")
    assert (done["status"], done["3ds"]["upgrade_reason"]) == ("Authorized", "sca_retry")


@pytest.mark.parametrize("scenario", ["frictionless", "attempted"])
async def test_a_session_authenticates_its_payment(api: PaymentsApi, scenario: str) -> None:
    session = await authenticated(api, scenario)
    answer = await api.pay(order(source=card_of(scenario), three_ds=ENABLED | {"authentication_id": session["id"]}))
    details = await api.payment(answer.body["id"])

    assert (answer.status, answer.body["status"], answer.body["eci"]) == (201, "Authorized", session["eci"])
    assert details["authentication_id"] == session["id"]
    for name in ("cryptogram", "xid", "eci"):
        assert details["3ds"][name] == session[name]


async def test_a_session_that_failed_has_the_payment_declined(api: PaymentsApi) -> None:
    session = await authenticated(api, "declined")
    answer = await api.pay(order(source=card_of("declined"), three_ds=ENABLED | {"authentication_id": session["id"]}))

    assert (answer.body["status"], answer.body["response_code"]) == ("Declined", "20151")


async def test_a_session_must_be_there_and_finished(api: PaymentsApi) -> None:
    pending = (await api.create()).body["id"]

    for session_id in (pending, UNKNOWN_SESSION):
        answer = await api.pay(order(three_ds=ENABLED | {"authentication_id": session_id}))
        assert (answer.status, answer.codes) == (422, ["authentication_id_invalid"])


MISMATCHES: dict[str, Json] = {
    "another card": {"source": card_of("attempted")},
    "another currency": {"currency": "EUR"},
    "a larger amount": {"amount": 6541},
}


@pytest.mark.parametrize("changes", MISMATCHES.values(), ids=MISMATCHES)
@pytest.mark.parametrize("by", ["session", "third party"])
async def test_a_session_is_valid_for_its_own_payment_only(api: PaymentsApi, changes: Json, by: str) -> None:
    session = await authenticated(api)
    result = third_party(session) if by == "third party" else ENABLED | {"authentication_id": session["id"]}
    answer = await api.pay(order(source=card_of(), three_ds=result) | changes)

    assert (answer.body["status"], answer.body["response_code"]) == ("Declined", "20155")


async def test_a_smaller_amount_than_authenticated_is_fine(api: PaymentsApi) -> None:
    session = await authenticated(api)
    answer = await api.pay(order(source=card_of(), amount=1, three_ds=third_party(session)))

    assert answer.body["status"] == "Authorized"


@pytest.mark.parametrize("by", ["session", "third party"])
async def test_a_session_is_valid_for_a_day(sandbox: Sandbox, api: PaymentsApi, by: str) -> None:
    session = await authenticated(api)
    await sandbox.advance(24 * 60 * MINUTES)
    result = third_party(session) if by == "third party" else ENABLED | {"authentication_id": session["id"]}
    answer = await api.pay(order(source=card_of(), three_ds=result))

    assert (answer.body["status"], answer.body["response_code"]) == ("Declined", "20155")


@pytest.mark.parametrize("changed", [{"eci": "06"}, {"xid": "AAAAAAAAAAAAAAAAAAAAAAAAAAA"}])
async def test_the_parts_of_a_sessions_result_belong_together(api: PaymentsApi, changed: Json) -> None:
    session = await authenticated(api)
    answer = await api.pay(order(source=card_of(), three_ds=third_party(session) | changed))

    assert (answer.body["status"], answer.body["response_code"]) == ("Declined", "20155")


async def pay_with(api: PaymentsApi, scheme: str = "visa", **result: str) -> Answer:
    return await api.pay(order("sca_required", scheme=scheme, three_ds=ENABLED | result))


@pytest.mark.parametrize(
    ("scheme", "eci"), [("visa", "05"), ("visa", "06"), ("visa", "5"), ("mastercard", "02"), ("mastercard", "01")]
)
async def test_the_result_of_a_third_party_authenticates(api: PaymentsApi, scheme: str, eci: str) -> None:
    answer = await pay_with(api, scheme, eci=eci, cryptogram=CRYPTOGRAM, xid="x")

    assert (answer.body["status"], answer.body["eci"]) == ("Authorized", eci)


@pytest.mark.parametrize(
    ("scheme", "eci", "cryptogram", "code"),
    [
        ("visa", "02", CRYPTOGRAM, "20155"),
        ("mastercard", "05", CRYPTOGRAM, "20155"),
        ("visa", "05", "c2hvcnQ=", "20155"),
        ("visa", "05", "no base64!", "20155"),
        ("visa", "07", CRYPTOGRAM, "20154"),
    ],
)
async def test_a_third_partys_result_must_be_one(
    api: PaymentsApi, scheme: str, eci: str, cryptogram: str, code: str
) -> None:
    answer = await pay_with(api, scheme, eci=eci, cryptogram=cryptogram)

    assert (answer.body["status"], answer.body["response_code"]) == ("Declined", code)


async def test_eci_and_cryptogram_come_together(api: PaymentsApi) -> None:
    without_eci = await pay_with(api, cryptogram=CRYPTOGRAM)
    without_cryptogram = await pay_with(api, eci="05")

    assert (without_eci.status, without_eci.codes) == (422, ["eci_required"])
    assert (without_cryptogram.status, without_cryptogram.codes) == (422, ["cryptogram_required"])


async def test_a_session_by_token_pays_by_token(api: PaymentsApi) -> None:
    session = (await api.create(session_order(source=TOKEN, channel_data=BROWSER_WITH_METHOD))).body
    answer = await api.pay(order(source=TOKEN, three_ds=third_party(session)))

    assert answer.body["status"] == "Authorized"


async def test_authenticate_pay_capture_part_refund_part(sandbox: Sandbox, api: PaymentsApi) -> None:
    session = await authenticated(api, "challenge")
    await sandbox.cardholder.complete_challenge(session["id"], "Y")
    session = (await api.get(session["id"])).body
    payment_id = await api.paid(order(source=card_of("challenge"), three_ds=third_party(session)))
    await api.act(payment_id, "captures", amount=5000, capture_type="NonFinal")
    await api.act(payment_id, "refunds", amount=1200)
    actions = {action["type"]: action["amount"] for action in await api.actions(payment_id)}
    balances = (await api.payment(payment_id))["balances"]

    assert actions == {"Authorization": 6540, "Capture": 5000, "Refund": 1200}
    assert [balances[f"total_{name}"] for name in ("authorized", "captured", "refunded")] == [6540, 5000, 1200]
    assert [balances[f"available_to_{name}"] for name in ("capture", "void", "refund")] == [1540, 0, 3800]
