"""The bundled description: valid OpenAPI, and the operations as the API documents them."""

from __future__ import annotations

import json

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.openapi.support import REPOSITORY, document, operations, parameters, resolved

SESSIONS = {
    "request_session": ("POST /sessions", {201, 202, 401, 403, 409, 422, 500, 503}),
    "get_session": ("GET /sessions/{id}", {200, 401, 403, 404, 500, 502}),
    "update_session": ("PUT /sessions/{id}/collect-data", {200, 401, 403, 404, 409, 422, 500}),
    "complete_session": ("POST /sessions/{id}/complete", {204, 401, 403, 404, 409, 500}),
    "update_three_ds_method_completion": (
        "PUT /sessions/{id}/issuer-fingerprint",
        {200, 401, 403, 404, 409, 422, 500},
    ),
}
PAYMENTS = {
    "request_payment": ("POST /payments", {201, 202, 401, 409, 422, 429, 502}),
    "list_payments": ("GET /payments", {200, 401, 404, 422}),
    "get_payment": ("GET /payments/{id}", {200, 401, 403, 404, 429}),
    "get_payment_actions": ("GET /payments/{id}/actions", {200, 401, 403, 404, 429}),
    "increment_authorization": ("POST /payments/{id}/authorizations", {201, 401, 403, 404, 409, 422, 502}),
    "cancel_scheduled_retry": ("POST /payments/{id}/cancellations", {202, 401, 403, 404, 409, 422, 429, 502}),
    "capture_payment": ("POST /payments/{id}/captures", {200, 202, 204, 401, 403, 404, 409, 422, 502}),
    "refund_payment": ("POST /payments/{id}/refunds", {200, 202, 204, 401, 403, 404, 409, 422, 429, 502}),
    "reverse_payment": ("POST /payments/{id}/reversals", {200, 202, 204, 401, 403, 404, 409, 422, 502}),
    "void_payment": ("POST /payments/{id}/voids", {200, 202, 204, 401, 403, 404, 409, 422, 502}),
    "search_payments": ("POST /payments/search", {200, 400, 401, 403, 422}),
}
READING_PAYMENTS = {"list_payments", "get_payment", "get_payment_actions", "search_payments"}
TOKEN = {"request_access_token": ("POST /connect/token", {200, 400, 406})}
OPERATIONS = SESSIONS | PAYMENTS | TOKEN
ON_AN_EXISTING_SESSION = SESSIONS.keys() - {"request_session"}
ON_AN_EXISTING_PAYMENT = PAYMENTS.keys() - {"request_payment", "list_payments", "search_payments"}


def test_the_bundled_document_is_valid_openapi_3_1() -> None:
    assert document()["openapi"] == "3.1.0"
    assert list(OpenAPIV31SpecValidator(document()).iter_errors()) == []


def test_the_package_carries_this_very_document() -> None:
    carried = REPOSITORY / "checkout_async" / "_generated" / "openapi.json"
    assert json.loads(carried.read_bytes()) == document()


def test_every_reference_stays_inside_the_document() -> None:
    text = json.dumps(document())
    assert "externalValue" not in text
    assert text.count('"$ref": "') == text.count('"$ref": "#/components/')


def test_operations_paths_and_statuses_are_those_of_the_api() -> None:
    found = {name: (each["line"], set(map(int, each["responses"]))) for name, each in operations().items()}
    assert found == OPERATIONS


def test_a_session_secret_is_good_for_existing_sessions_only() -> None:
    accepting = {name for name, each in operations().items() if {"sessionSecret": []} in each["security"]}
    assert accepting == ON_AN_EXISTING_SESSION


def test_the_scopes_are_those_of_the_api() -> None:
    scopes = {
        name: {scope for each in operation["security"] for scope in each.get("oauth", [])}
        for name, operation in operations().items()
    }
    both = {"sessions:app", "sessions:browser"}
    assert scopes == {
        **dict.fromkeys(SESSIONS, both),
        "update_three_ds_method_completion": {"sessions:browser"},
        "request_payment": {"gateway", "gateway:payment"},
        **dict.fromkeys(READING_PAYMENTS, frozenset({"gateway", "gateway:payment-details"})),
        "increment_authorization": {"gateway", "gateway:payment-authorizations"},
        "cancel_scheduled_retry": {"gateway", "gateway:payment-cancellations"},
        "capture_payment": {"gateway", "gateway:payment-captures"},
        "refund_payment": {"gateway", "gateway:payment-refunds"},
        "reverse_payment": {"gateway", "gateway:payment-refunds", "gateway:payment-voids"},
        "void_payment": {"gateway", "gateway:payment-voids"},
        "search_payments": {"payments:search"},
        "request_access_token": set(),
    }


def test_a_secret_key_is_good_for_payments_only() -> None:
    accepting = {name for name, each in operations().items() if {"secretKey": []} in each["security"]}
    assert accepting == PAYMENTS.keys()


def test_repetition_is_declared_safe_only_where_it_is() -> None:
    assert {name: each["x-idempotency"] for name, each in operations().items()} == {
        "request_session": "none",
        "get_session": "safe",
        "update_session": "natural",
        "complete_session": "none",
        "update_three_ds_method_completion": "natural",
        **dict.fromkeys(PAYMENTS, "key"),
        **dict.fromkeys(READING_PAYMENTS, "safe"),
        "request_access_token": "natural",
    }


def test_whatever_moves_money_takes_an_idempotency_key_in_one_header() -> None:
    headers = {name: tuple(each["name"] for each in parameters(name, "header")) for name in PAYMENTS}
    assert headers == {
        **dict.fromkeys(PAYMENTS, ("Cko-Idempotency-Key",)),
        **dict.fromkeys(READING_PAYMENTS, ()),
    }


def test_lists_of_payments_are_read_page_by_page() -> None:
    paged = {name: each["x-pagination"] for name, each in operations().items() if "x-pagination" in each}
    assert {name: (each["iterator"], each["style"]) for name, each in paged.items()} == {
        "list_payments": ("iterate_payments", "skip"),
        "search_payments": ("iterate_search_payments", "link"),
    }


@pytest.mark.parametrize("name", sorted(ON_AN_EXISTING_SESSION | ON_AN_EXISTING_PAYMENT))
def test_what_exists_already_is_named_in_the_path(name: str) -> None:
    (parameter,) = parameters(name, "path")
    assert parameter["name"] == "id"


def test_actions_on_the_whole_payment_need_no_body() -> None:
    needed = {name: each["requestBody"]["required"] for name, each in operations().items() if "requestBody" in each}
    assert {name for name, required in needed.items() if not required} <= ON_AN_EXISTING_PAYMENT
    assert all(needed[name] for name in ("request_session", "request_payment", "search_payments"))


def test_every_refusal_with_a_body_has_the_same_body() -> None:
    for name in OPERATIONS.keys() - {"request_access_token"}:
        for status, response in operations()[name]["responses"].items():
            if int(status) >= 400:
                for media in resolved(response).get("content", {}).values():
                    assert media["schema"] == {"$ref": "#/components/schemas/ErrorResponse"}


def test_what_could_leak_is_marked() -> None:
    marked = {
        f"{name}.{key}": member["x-sensitive"]
        for name, schema in document()["components"]["schemas"].items()
        for key, member in schema.get("properties", {}).items()
        if "x-sensitive" in member
    }
    assert (
        marked.items()
        >= {
            "CardSource.number": "pan",
            "IdSource.number": "pan",
            "TokenSource.number": "pan",
            "TokenSource.token": "secret",
            "NetworkTokenSource.number": "pan",
            "NetworkTokenSource.token": "pan",
            "GoogleSpaToken.number": "pan",
            "Session.session_secret": "secret",
            "Session.cryptogram": "secret",
            "SessionCompletedCallback.cryptogram": "secret",
            "AccessToken.access_token": "secret",
            "AccessTokenRequest.client_secret": "secret",
            "CardSource.name": "personal",
            "CardSource.email": "personal",
            "RequestCardSource.number": "pan",
            "RequestCardSource.cvv": "cvv",
            "RequestIdSource.cvv": "cvv",
            "RequestTokenSource.token": "secret",
            "RequestNetworkTokenSource.token": "pan",
            "RequestNetworkTokenSource.cryptogram": "secret",
            "RequestCardDestination.number": "pan",
            "ThreeDsRequest.cryptogram": "secret",
            "ThreeDsResult.cryptogram": "secret",
            "RequestCardSource.name": "personal",
            "RequestKnetSource.token_data": "secret",
            "KnetResponseSource.token_data": "secret",
            "KnetTokenData.data": "secret",
            "KnetTokenData.signature": "secret",
        }.items()
    )
