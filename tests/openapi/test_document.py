"""The bundled description: valid OpenAPI, and the operations as the API documents them."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from checkout_async._core.response import _ErrorBody, parse_response
from checkout_async._core.wire import HttpResponse
from checkout_async._generated.operations.payments import CAPTURE_PAYMENT
from checkout_async.errors import ApiError
from tests.openapi.support import REPOSITORY, document, operations, parameters, resolved

CONTRACT = json.loads((REPOSITORY / "openapi" / "contract.json").read_bytes())
TEXTS = {"request_id": "r", "error_type": "t"}
ACCEPTED = {name: each for api in CONTRACT["operations"].values() for name, each in api.items()}
PAYMENTS = operations("Payments")
READING_PAYMENTS = {name for name, each in PAYMENTS.items() if each["line"].startswith("GET ")} | {"search_payments"}


@pytest.mark.costly
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


def test_operations_paths_statuses_scopes_and_repetition_are_those_that_were_accepted() -> None:
    found = {
        name: {
            "line": each["line"],
            "statuses": set(each["responses"]),
            "scopes": [scope for one in each["security"] for scope in one.get("oauth", [])],
            "session_secret": {"sessionSecret": []} in each["security"],
            "secret_key": {"secretKey": []} in each["security"],
            "repetition": each["x-idempotency"],
        }
        for name, each in operations().items()
    }
    accepted = {
        name: {**{key: each[key] for key in found[name] if key in each}, "statuses": set(each["statuses"])}
        for name, each in ACCEPTED.items()
    }
    assert found == accepted


def test_a_session_secret_is_good_for_existing_sessions_only() -> None:
    accepting = {each["line"] for each in operations().values() if {"sessionSecret": []} in each["security"]}
    assert accepting == {each["line"] for each in operations().values() if "/sessions/{id}" in each["line"]}


def test_a_secret_key_is_good_for_every_payment_and_for_no_session() -> None:
    accepting = {name for name, each in operations().items() if {"secretKey": []} in each["security"]}
    assert accepting >= PAYMENTS.keys()
    assert accepting.isdisjoint(operations("Sessions").keys() | operations("Access").keys())


def test_a_session_is_created_and_completed_once() -> None:
    repeated = {name: each["x-idempotency"] for name, each in operations("Sessions").items()}
    assert {name for name, value in repeated.items() if value == "none"} == {"request_session", "complete_session"}


def test_whatever_moves_money_takes_an_idempotency_key_in_one_header() -> None:
    headers = {name: tuple(each["name"] for each in parameters(name, "header")) for name in PAYMENTS}
    assert headers == {
        **dict.fromkeys(PAYMENTS, ("Cko-Idempotency-Key",)),
        **dict.fromkeys(READING_PAYMENTS, ()),
    }
    keyed = {name for name, each in PAYMENTS.items() if each["x-idempotency"] == "key"}
    assert keyed == PAYMENTS.keys() - READING_PAYMENTS
    assert all(PAYMENTS[name]["x-idempotency"] == "safe" for name in READING_PAYMENTS)


def test_lists_of_payments_are_read_page_by_page() -> None:
    paged = {name: each["x-pagination"] for name, each in PAYMENTS.items() if "x-pagination" in each}
    assert {name: (each["iterator"], each["style"]) for name, each in paged.items()} == {
        "list_payments": ("iterate_payments", "skip"),
        "search_payments": ("iterate_search_payments", "link"),
    }


ON_ONE = sorted(name for name, each in operations().items() if "{" in each["line"])


@pytest.mark.parametrize("name", ON_ONE)
def test_what_exists_already_is_named_in_the_path(name: str) -> None:
    (parameter,) = parameters(name, "path")
    assert parameter["name"] == "id"


def test_actions_on_the_whole_payment_need_no_body() -> None:
    needed = {name: each["requestBody"]["required"] for name, each in operations().items() if "requestBody" in each}
    assert {name for name, required in needed.items() if not required} <= {*ON_ONE} & PAYMENTS.keys()
    assert all(needed[name] for name in ("request_session", "request_payment", "search_payments"))


def test_every_refusal_with_a_body_has_the_same_body() -> None:
    for name in operations().keys() - {"request_access_token"}:
        for status, response in operations()[name]["responses"].items():
            if int(status) >= 400:
                for media in resolved(response).get("content", {}).values():
                    assert media["schema"] == {"$ref": "#/components/schemas/ErrorResponse"}


def test_an_error_carries_the_members_of_the_body_of_all_errors() -> None:
    described = document()["components"]["schemas"]["ErrorResponse"]
    read = {field.encode_name: field.name for field in msgspec.structs.fields(_ErrorBody)}
    assert read.keys() == described["properties"].keys() == {*described["required"]}
    reply = HttpResponse(status=422, headers={}, body=json.dumps({key: ["a"] for key in read} | TEXTS).encode())
    with pytest.raises(ApiError) as caught:
        parse_response(CAPTURE_PAYMENT, reply, datetime.now(UTC))
    assert {name: getattr(caught.value, name) for name in read.values()} == {**TEXTS, "error_codes": ("a",)}


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
