"""What may be done in which status: every status a payment can be in against every operation on it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from checkout_async.sandbox import Sandbox
from tests.sandbox.payments.support import TOKEN, PaymentsApi, card, order, payout
from tests.sandbox.support import Json

UNKNOWN = "pay_aaaaaaaaaaaaaaaaaaaaaaaaaa"
OPERATIONS = ("authorizations", "captures", "voids", "refunds", "reversals", "cancellations")
BODIES: dict[str, Json] = {"authorizations": {"amount": 1}, "cancellations": {"reference": "CAN-1"}}
"""What is sent where a body is required."""
RETRY: Json = {"dunning": {"enabled": True}}

Bring = Callable[[Sandbox, PaymentsApi], Awaitable[str]]


async def authorized(_sandbox: Sandbox, api: PaymentsApi) -> str:
    return await api.paid(authorization_type="Estimated")


async def partially_captured(_sandbox: Sandbox, api: PaymentsApi) -> str:
    return await api.captured(1000)


async def captured(_sandbox: Sandbox, api: PaymentsApi) -> str:
    return await api.captured()


async def partially_refunded(_sandbox: Sandbox, api: PaymentsApi) -> str:
    payment_id = await api.captured()
    await api.act(payment_id, "refunds", amount=1)
    return payment_id


async def refunded(_sandbox: Sandbox, api: PaymentsApi) -> str:
    payment_id = await api.captured()
    await api.act(payment_id, "refunds")
    return payment_id


async def voided(_sandbox: Sandbox, api: PaymentsApi) -> str:
    payment_id = await api.paid()
    await api.act(payment_id, "voids")
    return payment_id


async def declined(_sandbox: Sandbox, api: PaymentsApi) -> str:
    return str((await api.pay(order("lost_card"))).body["id"])


async def verified(_sandbox: Sandbox, api: PaymentsApi) -> str:
    return await api.paid(amount=0)


async def expired(sandbox: Sandbox, api: PaymentsApi) -> str:
    payment_id = await api.paid()
    await sandbox.advance(7 * 24 * 60 * 60)
    return payment_id


async def pending(_sandbox: Sandbox, api: PaymentsApi) -> str:
    return str((await api.pay(order(source={"type": "paypal"}))).body["id"])


async def customer_canceled(sandbox: Sandbox, api: PaymentsApi) -> str:
    payment_id = await pending(sandbox, api)
    await sandbox.customer.cancel(payment_id)
    return payment_id


async def retry_scheduled(_sandbox: Sandbox, api: PaymentsApi) -> str:
    body = order("insufficient_funds", merchant_initiated=True, payment_type="Recurring", retry=RETRY)
    return str((await api.pay(body)).body["id"])


async def retry_canceled(sandbox: Sandbox, api: PaymentsApi) -> str:
    payment_id = await retry_scheduled(sandbox, api)
    await api.act(payment_id, "cancellations", reference="CAN-1")
    return payment_id


async def paid(_sandbox: Sandbox, api: PaymentsApi) -> str:
    return str((await api.pay(payout())).body["id"])


STATUSES: list[tuple[Bring, str, tuple[int, ...]]] = [
    # Increment, capture, void, refund, reverse, cancel the retry.
    (authorized, "Authorized", (201, 202, 202, 403, 202, 403)),
    (partially_captured, "Partially Captured", (403, 202, 202, 202, 202, 403)),
    (captured, "Captured", (403, 200, 403, 202, 202, 403)),
    (partially_refunded, "Partially Refunded", (403, 403, 403, 202, 202, 403)),
    (refunded, "Refunded", (403, 403, 403, 200, 200, 403)),
    (voided, "Voided", (403, 403, 200, 403, 200, 403)),
    (declined, "Declined", (403, 403, 403, 403, 403, 403)),
    (verified, "Card Verified", (403, 403, 403, 403, 403, 403)),
    (expired, "Expired", (403, 403, 403, 403, 403, 403)),
    (pending, "Pending", (403, 403, 403, 403, 403, 403)),
    (customer_canceled, "Canceled", (403, 403, 403, 403, 403, 403)),
    (retry_scheduled, "Retry Scheduled", (403, 403, 403, 403, 202, 202)),
    (retry_canceled, "Canceled", (403, 403, 403, 403, 200, 403)),
    (paid, "Paid", (403, 403, 403, 403, 403, 403)),
]
CASES = [
    pytest.param(bring, status, operation, answer, id=f"{bring.__name__}-{operation}")
    for bring, status, answers in STATUSES
    for operation, answer in zip(OPERATIONS, answers, strict=True)
]


@pytest.mark.costly
@pytest.mark.parametrize(("bring", "status", "operation", "expected"), CASES)
async def test_an_operation_is_allowed_in_its_statuses_only(
    sandbox: Sandbox, api: PaymentsApi, bring: Bring, status: str, operation: str, expected: int
) -> None:
    payment_id = await bring(sandbox, api)
    before, done = await api.payment(payment_id), await api.actions(payment_id)
    answer = await api.act(payment_id, operation, BODIES.get(operation))
    after = await api.payment(payment_id)

    assert (before["status"], answer.status) == (status, expected)
    if expected == 403:
        assert (answer.body["error_type"], len(answer.codes)) == ("operation_not_allowed", 1)
    if expected in {200, 403}:
        assert after == before
    if expected == 200:
        assert answer.body["action_id"] in {action["id"] for action in done}
        assert "reference" not in answer.body


@pytest.mark.parametrize(("bring", "status", "answers"), STATUSES, ids=lambda value: getattr(value, "__name__", ""))
async def test_the_links_are_those_of_what_is_allowed(
    sandbox: Sandbox, api: PaymentsApi, bring: Bring, status: str, answers: tuple[int, ...]
) -> None:
    links = (await api.payment(await bring(sandbox, api)))["_links"]
    relations = dict(zip(OPERATIONS, ("authorize", "capture", "void", "refund", None, "cancel"), strict=True))
    allowed = {relations[name] for name, answer in zip(OPERATIONS, answers, strict=True) if answer in {201, 202}}

    assert set(links) - {"self", "actions", "redirect"} == allowed - {None}
    assert ("redirect" in links) == (status == "Pending")


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("payment_id", [UNKNOWN, "pay_short"])
async def test_an_unknown_payment_is_not_found(api: PaymentsApi, operation: str, payment_id: str) -> None:
    answer = await api.act(payment_id, operation, amount=1)

    assert (answer.status, answer.body) == (404, {})


async def test_only_estimated_authorizations_are_incremented(api: PaymentsApi) -> None:
    answer = await api.act(await api.paid(), "authorizations", amount=1)

    assert (answer.status, answer.codes) == (403, ["authorization_not_estimated"])


@pytest.mark.parametrize(
    ("scheme", "amount", "status"),
    [
        ("visa", 1, 201),
        ("mastercard", 1, 201),
        ("amex", 1, 201),
        ("discover", 1, 403),
        ("mastercard", 0, 201),
        ("visa", 0, 403),
    ],
)
async def test_increments_depend_on_the_scheme(api: PaymentsApi, scheme: str, amount: int, status: int) -> None:
    payment_id = await api.paid(order(scheme=scheme, authorization_type="Estimated"))

    assert (await api.act(payment_id, "authorizations", amount=amount)).status == status


@pytest.mark.parametrize(("scheme", "status"), [("visa", 202), ("mastercard", 202), ("amex", 202), ("jcb", 403)])
async def test_three_schemes_void_what_a_capture_left(api: PaymentsApi, scheme: str, status: int) -> None:
    payment_id = await api.captured(1000, body=order(scheme=scheme))

    assert (await api.act(payment_id, "voids")).status == status


@pytest.mark.parametrize(
    ("captured_before", "amount", "code"),
    [
        (0, 6541, "capture_value_greater_than_authorized"),
        (1000, 5541, "capture_value_greater_than_remaining_authorized"),
        (0, 0, "amount_invalid"),
    ],
)
async def test_no_more_is_captured_than_is_authorized(
    api: PaymentsApi, captured_before: int, amount: int, code: str
) -> None:
    payment_id = await api.captured(captured_before) if captured_before else await api.paid()
    before = await api.payment(payment_id)
    answer = await api.act(payment_id, "captures", amount=amount)

    assert (answer.status, answer.body["error_type"], answer.codes) == (422, "request_invalid", [code])
    assert await api.payment(payment_id) == before


@pytest.mark.parametrize(("amount", "code"), [(1001, "amount_exceeds_balance"), (0, "amount_invalid")])
async def test_no_more_is_refunded_than_is_captured(api: PaymentsApi, amount: int, code: str) -> None:
    payment_id = await api.captured(1000)
    answer = await api.act(payment_id, "refunds", amount=amount)

    assert (answer.status, answer.codes) == (422, [code])
    assert (await api.payment(payment_id))["balances"]["total_refunded"] == 0


async def test_a_refund_cannot_name_a_capture_of_another_payment(api: PaymentsApi) -> None:
    other = (await api.actions(await api.captured()))[0]["id"]
    answer = await api.act(await api.captured(), "refunds", capture_action_id=other)

    assert (answer.status, answer.codes) == (422, ["capture_action_id_invalid"])


@pytest.mark.parametrize("source", [TOKEN, card()], ids=["token", "card"])
async def test_the_body_of_an_action_may_be_empty_but_not_misspelt(api: PaymentsApi, source: Json) -> None:
    payment_id = await api.paid(source=source)
    misspelt = await api.act(payment_id, "captures", amonut=1)
    empty = await api.act(payment_id, "captures")

    assert (misspelt.status, misspelt.codes) == (422, ["amonut_invalid"])
    assert empty.status == 202
