"""Requests for payments: what is refused, what each kind of source gives, the table of test data, what is kept."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from checkout_async.models import payments
from checkout_async.sandbox import PAYMENT_SCENARIOS, SCHEMES, Sandbox, payment_amount, payment_card
from tests.sandbox.payments.support import TOKEN, PaymentsApi, card, order
from tests.sandbox.support import Json, document

REPOSITORY = Path(__file__).parents[3]
DOCS = REPOSITORY / "docs" / "sandbox.md"

DECIDED = {
    "approved": (True, "10000"),
    "risky": (True, "10100"),
    "in_part": (False, "20051"),
    "do_not_honour": (False, "20005"),
    "insufficient_funds": (False, "20051"),
    "expired_card": (False, "20054"),
    "suspected_fraud": (False, "20059"),
    "timeout": (False, "20068"),
    "wrong_cvv": (False, "20087"),
    "issuer_unavailable": (False, "20091"),
    "malfunction": (False, "20096"),
    "lost_card": (False, "30041"),
    "stolen_card": (False, "30043"),
    "risk": (False, "41301"),
    "recovers": (False, "20051"),
    "turns_hard": (False, "20051"),
    "comes_back": (False, "20091"),
    "sca_required": (False, "20154"),
    "not_enrolled": (True, "10000"),
    "capture_declined": (True, "10000"),
    "void_declined": (True, "10000"),
    "refund_declined": (True, "10000"),
    "payout_declined": (False, "50003"),
    "payout_returned": (True, "10000"),
}
"""Row -> whether a plain payment is approved, and its response code."""
GO_WRONG_ONCE = {"bad_gateway": 502, "too_many": 429}
METHODS = sorted(
    set(document()["components"]["schemas"]["PaymentRequestSource"]["discriminator"]["mapping"])
    - {"card", "token", "id", "customer", "network_token"}
)
REQUIRED: dict[str, Json] = {
    "ach": {
        "account_type": "savings",
        "country": "US",
        "account_number": "1234567",
        "bank_code": "021000021",
        "account_holder": {"type": "individual"},
    },
    "sepa": {
        "country": "DE",
        "account_number": "DE89370400440532013000",
        "currency": "EUR",
        "account_holder": {"type": "individual"},
    },
}
"""What a method's source cannot be without."""


def test_every_row_is_covered_here() -> None:
    assert [row.name for row in PAYMENT_SCENARIOS] == [*DECIDED, *GO_WRONG_ONCE, "reply_lost"]
    assert len({row.row for row in PAYMENT_SCENARIOS}) == len(PAYMENT_SCENARIOS)


@pytest.mark.parametrize("scenario", DECIDED)
@pytest.mark.parametrize("by", ["card", "amount"])
async def test_a_row_has_its_outcome(api: PaymentsApi, scenario: str, by: str) -> None:
    body = order(scenario) if by == "card" else order(source=TOKEN, amount=payment_amount(scenario))
    answer = await api.pay(body)

    assert (answer.body["approved"], answer.body["response_code"]) == DECIDED[scenario]
    assert answer.body["response_summary"]
    assert answer.body["risk"]["flagged"] == (scenario in {"risk", "risky"})


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_row_has_a_card_in_every_scheme(api: PaymentsApi, scheme: str) -> None:
    body = (await api.pay(order("lost_card", scheme=scheme))).body

    assert body["response_code"] == "30041"
    assert payments.PaymentCardScheme(body["source"]["scheme"]) is payments.PaymentCardScheme(scheme)


@pytest.mark.parametrize("scenario", GO_WRONG_ONCE)
async def test_a_request_that_goes_wrong_once_does_nothing(sandbox: Sandbox, api: PaymentsApi, scenario: str) -> None:
    first = await api.pay(order(scenario))
    payments = len(sandbox.payments)
    second = await api.pay(order(scenario))

    assert (first.status, payments) == (GO_WRONG_ONCE[scenario], 0)
    assert (second.status, second.body["approved"]) == (201, True)


def test_the_tables_of_the_documentation_are_those_of_the_code() -> None:
    text = DOCS.read_text()
    for row in PAYMENT_SCENARIOS:
        line = f"| `{row.name}` | {row.summary} | `{payment_card(row.name)}` | `{payment_amount(row.name)}` |"
        assert line in text


async def test_cards_come_back_without_what_must_stay_secret(
    sandbox: Sandbox, api: PaymentsApi, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    number = payment_card("approved")
    created = await api.pay(order(source=card(name="Jia Tsang")))
    refused = await api.pay(order(currency="POUND"))
    shown = [
        caplog.text,
        repr(list(sandbox.payments.values())),
        str(created.body),
        str(refused.body),
        str(await api.payment(created.body["id"])),
        str((await api.search()).body),
    ]

    assert not [text for text in shown if number in text or "'100'" in text or "sk_sbox" in text]
    source = created.body["source"]
    assert (source["last4"], source["bin"], source["cvv_check"]) == (number[-4:], number[:6], "Y")
    assert (source["expiry_month"], source["expiry_year"], source["name"]) == (6, 2099, "Jia Tsang")


async def test_a_card_has_an_identifier_once_it_was_approved(api: PaymentsApi) -> None:
    declined = await api.pay(order("stolen_card"))
    approved = await api.pay()
    again = await api.pay(order(source={"type": "id", "id": approved.body["source"]["id"]}))

    assert "id" not in declined.body["source"]
    names = ("id", "last4", "fingerprint", "scheme", "expiry_year")
    assert [again.body["source"][name] for name in names] == [approved.body["source"][name] for name in names]


async def test_a_stored_card_keeps_what_its_number_selects(api: PaymentsApi) -> None:
    stored = (await api.pay(order("capture_declined"))).body["source"]["id"]
    payment_id = await api.paid(source={"type": "id", "id": stored})
    await api.act(payment_id, "captures")

    assert (await api.actions(payment_id))[0]["response_code"] == "30401"


async def test_a_customer_pays_with_the_first_card_that_was_approved(api: PaymentsApi) -> None:
    customer = {"email": "jia@example.com", "name": "Jia Tsang"}
    first = await api.pay(order(scheme="mastercard", customer=customer))
    await api.pay(order(scheme="visa", customer=customer))
    answer = await api.pay(order(source={"type": "customer", "id": first.body["customer"]["id"]}))

    assert first.body["customer"] == customer | {"id": first.body["customer"]["id"]}
    assert answer.body["source"]["fingerprint"] == first.body["source"]["fingerprint"]


async def test_a_known_customer_may_be_named_by_identifier(api: PaymentsApi) -> None:
    customer = (await api.pay(order(customer={"email": "jia@example.com"}))).body["customer"]
    answer = await api.pay(order(customer={"id": customer["id"]}))

    assert answer.body["customer"] == customer


async def test_network_tokens_need_a_cryptogram_unless_a_series_continues(api: PaymentsApi) -> None:
    source = {
        "type": "network_token",
        "token": "5200000000000007",
        "expiry_month": 1,
        "expiry_year": 2099,
        "token_type": "mdes",
    }
    bare = await api.pay(order(source=source))
    proven = await api.pay(order(source=source | {"cryptogram": "hv8mUFzPzRZoCAAAAAEQBDMAAAA=", "eci": "05"}))
    later = await api.pay(order(source=source, previous_payment_id="489341065491658"))

    assert (bare.status, bare.codes) == (422, ["cryptogram_required", "eci_required"])
    assert (proven.status, proven.body["source"]["scheme"]) == (201, "Mastercard")
    assert later.status == 201


@pytest.mark.parametrize("method", METHODS)
async def test_any_other_method_sends_the_customer_away(sandbox: Sandbox, api: PaymentsApi, method: str) -> None:
    body = order(source={"type": method} | REQUIRED.get(method, {}))
    del body["capture"]
    answer = await api.pay(body)
    payment_id = answer.body["id"]
    waiting = await api.payment(payment_id)
    await sandbox.customer.approve(payment_id)
    done = await api.payment(payment_id)

    assert (answer.status, answer.body["status"]) == (202, "Pending")
    assert answer.links["redirect"]
    assert not {"approved", "amount", "action_id", "response_code"} & answer.body.keys()
    assert (waiting["source"]["type"], "approved" in waiting) == (method, False)
    assert (done["status"], done["approved"]) == ("Captured", True)
    assert [action["type"] for action in await api.actions(payment_id)] == ["Capture", "Authorization"]


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({"source": None}, ["payment_source_required"]),
        ({"currency": None}, ["currency_required"]),
        ({"currency": "POUND"}, ["currency_invalid"]),
        ({"amount": -1}, ["amount_invalid"]),
        ({"amount": "6540"}, ["amount_invalid"]),
        ({"source": card() | {"number": "4000000000003100"}}, ["card_number_invalid"]),
        ({"source": card() | {"number": "9999999999999995"}}, ["card_number_invalid"]),
        ({"source": card() | {"expiry_month": 13}}, ["expiry_month_invalid"]),
        (
            {"source": {"type": "card", "number": payment_card("approved")}},
            ["expiry_month_required", "expiry_year_required"],
        ),
        ({"source": {"type": "beads"}}, ["type_invalid"]),
        ({"source": card() | {"nmae": "x"}}, ["nmae_invalid"]),
        ({"source": {"type": "customer", "id": "cus_" + 26 * "a"}}, ["customer_not_found"]),
        ({"customer": {"id": "cus_" + 26 * "a"}}, ["customer_not_found"]),
        ({"merchant_initiated": True}, ["payment_type_required"]),
        ({"merchant_initiated": True, "payment_type": "Regular"}, ["payment_type_invalid"]),
        (
            {"amount_allocations": [{"id": "ent_w4jelhppmfiufdnatam37wrfc4", "amount": 1}]},
            ["amount_allocations_invalid"],
        ),
        ({"source": None, "payment_context_id": "pct_x"}, ["payment_context_not_found"]),
        ({"colour": "red"}, ["colour_invalid"]),
    ],
)
async def test_what_is_not_accepted_makes_no_payment(
    sandbox: Sandbox, api: PaymentsApi, changes: Json, codes: list[str]
) -> None:
    body = {name: value for name, value in (order() | changes).items() if value is not None}
    answer = await api.pay(body)

    assert (answer.status, answer.body["error_type"], answer.codes) == (422, "request_invalid", codes)
    assert len(sandbox.payments) == 0


async def test_payments_can_be_looked_at(sandbox: Sandbox, api: PaymentsApi) -> None:
    first = await api.captured(1000, body=order(reference="A"))
    second = await api.paid(order("risky", scheme="mastercard", reference="B"))
    await api.act(first, "refunds", amount=400)
    view = sandbox.payments[first]

    assert list(sandbox.payments) == [first, second]
    assert (view.status, view.scheme, view.last_four, view.reference) == ("Partially Refunded", "visa", "3105", "A")
    assert (view.balances.total_captured, view.balances.total_refunded) == (1000, 400)
    assert [str(action.type) for action in view.actions] == ["Authorization", "Capture", "Refund"]
    assert sandbox.payments.total().total_authorized == 2 * 6540
    assert sandbox.payments.total("A").total_captured == 1000
    assert sandbox.count("request_payment") == 2
    with pytest.raises(KeyError, match="pay_x"):
        sandbox.payments["pay_x"]


EXAMPLES: dict[str, Json] = {
    name: example["value"]
    for name, example in document()["paths"]["/payments"]["post"]["requestBody"]["content"]["application/json"][
        "examples"
    ].items()
}
PUBLISHED: Json = json.loads((REPOSITORY / "openapi/examples/payments/request_payment.request.json").read_bytes())
REFUSED = {
    "token": ["customer_not_found"],
    "customer": ["customer_not_found"],
    "three_ds_standalone": ["authentication_id_invalid"],
}
"""Examples that name something from elsewhere."""


@pytest.mark.parametrize("name", EXAMPLES)
async def test_the_examples_of_the_document_are_taken(api: PaymentsApi, name: str) -> None:
    answer = await api.pay(EXAMPLES[name])

    if name in REFUSED:
        assert (answer.status, answer.codes) == (422, REFUSED[name])
    else:
        assert answer.status in {201, 202}
        assert (await api.payment(answer.body["id"]))["status"] not in {"Declined", "Rejected"}


async def test_the_published_example_is_refused_for_its_defect(api: PaymentsApi) -> None:
    answer = await api.pay(PUBLISHED)
    assert (answer.status, answer.codes) == (422, ["amount_allocations_invalid"])
