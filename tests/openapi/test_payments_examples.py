"""The example bodies of Payments: valid, or defective in ways that are named here.

Published bodies are kept as printed; `openapi/examples/payments/README.md` also names contradictions no schema sees.
"""

from __future__ import annotations

import json

import pytest

from tests.openapi.support import EXAMPLES, bodies, defects, operations, schema_of, shown_bodies

BODIES = bodies("payments")
PLACEHOLDER = "`string` in place of a value"
LOST = "null; the value was lost when the page was made"
LETTER_CASE = "another letter case, which readers take for the same"


def prefixed(prefix: str, *members: str) -> dict[tuple[str, str], str]:
    return {(f"{prefix}/{member}", "type"): LOST for member in members}


AIRLINE = "/data/0/processing/airline_data/0"
STAY = "/data/0/processing/accommodation_data/0"
SCHEMA_DEFECTS: dict[str, dict[tuple[str, str], str]] = {
    "request_payment.request": {
        ("/processing/merchant_callback_url", "format"): PLACEHOLDER,
    },
    "get_payment.response.200": {
        ("/expires_on", "format"): PLACEHOLDER,
        ("/source", "oneOf"): LETTER_CASE,
    },
    "list_payments.response.200": {
        ("/data/0/expires_on", "format"): PLACEHOLDER,
        ("/data/0/source", "oneOf"): LETTER_CASE,
        **prefixed(f"{STAY}/guests/0", "first_name", "last_name", "date_of_birth"),
        **prefixed(f"{STAY}/room/0", "rate", "number_of_nights_at_room_rate"),
        **prefixed(f"{STAY}/property_phone/0", "country_code", "number"),
        **prefixed(f"{STAY}/customer_service_phone/0", "country_code", "number"),
        **prefixed(f"{AIRLINE}/passenger/0", "first_name", "last_name", "date_of_birth"),
        **prefixed(
            f"{AIRLINE}/flight_leg_details/0",
            "flight_number",
            "carrier_code",
            "class_of_travelling",
            "departure_airport",
            "departure_date",
            "departure_time",
            "arrival_airport",
            "stop_over_code",
            "fare_basis_code",
        ),
    },
    "increment_authorization.response.201": {("/expires_on", "format"): PLACEHOLDER},
    "search_payments.response.200": {
        ("/data/0/status", "enum"): LETTER_CASE,
        ("/data/0/payment_type", "enum"): LETTER_CASE,
        ("/data/0/source", "oneOf"): "`card_type` in lower case, and `cartes bancaires` for a local scheme",
    },
}


@pytest.mark.parametrize("name", sorted(BODIES.keys() - SCHEMA_DEFECTS.keys()))
def test_a_body_is_valid(name: str) -> None:
    assert defects(name) == set()


@pytest.mark.parametrize("name", SCHEMA_DEFECTS)
def test_a_defective_body_has_the_defects_named_and_no_others(name: str) -> None:
    assert defects(name) == SCHEMA_DEFECTS[name].keys()


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        ("request_payment.card.request", "PaymentRequest"),
        ("request_payment.verification.request", "PaymentRequest"),
        ("request_payment.account_funding.request", "PaymentRequest"),
        ("request_payment.bank_payout.request", "PayoutRequest"),
        ("request_payment.card_payout.request", "PayoutRequest"),
        ("request_payment.unreferenced_refund.request", "UnreferencedRefundRequest"),
    ],
)
def test_payments_payouts_and_refunds_are_distinguished_by_their_members(name: str, schema: str) -> None:
    assert schema_of(name) == {"$ref": f"#/components/schemas/{schema}"}


def test_the_document_shows_every_body_without_defects_and_no_other() -> None:
    shown = {name for name, body in BODIES.items() if json.dumps(body) in shown_bodies()}
    assert shown == BODIES.keys() - SCHEMA_DEFECTS.keys()


def test_every_operation_has_an_example_of_its_body_and_of_its_reply() -> None:
    for name, operation in operations("Payments").items():
        shown = {body.rpartition(".")[2] for body in BODIES if body.partition(".")[0] == name}
        assert "request" in shown or "requestBody" not in operation, name
        assert shown & {"200", "201", "202"}, name


def test_the_readme_names_every_file() -> None:
    text = (EXAMPLES / "payments" / "README.md").read_text()
    assert [name for name in BODIES if f"`{name}.json`" not in text and not name.startswith("error.")] == []
