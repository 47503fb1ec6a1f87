"""The bundled description: valid OpenAPI, and the operations as the API documents them."""

from __future__ import annotations

import json

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.openapi.support import REPOSITORY, document, operations, resolved

OPERATIONS = {
    "request_session": ("POST /sessions", {201, 202, 401, 403, 409, 422, 500, 503}),
    "get_session": ("GET /sessions/{id}", {200, 401, 403, 404, 500, 502}),
    "update_session": ("PUT /sessions/{id}/collect-data", {200, 401, 403, 404, 409, 422, 500}),
    "complete_session": ("POST /sessions/{id}/complete", {204, 401, 403, 404, 409, 500}),
    "update_three_ds_method_completion": (
        "PUT /sessions/{id}/issuer-fingerprint",
        {200, 401, 403, 404, 409, 422, 500},
    ),
    "request_access_token": ("POST /connect/token", {200, 400, 406}),
}
ON_AN_EXISTING_SESSION = OPERATIONS.keys() - {"request_session", "request_access_token"}


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
        **dict.fromkeys(OPERATIONS, both),
        "update_three_ds_method_completion": {"sessions:browser"},
        "request_access_token": set(),
    }


def test_repetition_is_declared_safe_only_where_it_is() -> None:
    assert {name: each["x-idempotency"] for name, each in operations().items()} == {
        "request_session": "none",
        "get_session": "safe",
        "update_session": "natural",
        "complete_session": "none",
        "update_three_ds_method_completion": "natural",
        "request_access_token": "natural",
    }


@pytest.mark.parametrize("name", ON_AN_EXISTING_SESSION)
def test_a_session_is_named_by_an_identifier_of_30_characters(name: str) -> None:
    (parameter,) = [resolved(each) for each in operations()[name]["parameters"] if resolved(each)["in"] == "path"]
    assert parameter["name"] == "id"
    assert parameter["schema"]["pattern"] == r"^(sid)_(\w{26})$"


def test_every_refusal_with_a_body_has_the_same_body() -> None:
    for name in OPERATIONS.keys() - {"request_access_token"}:
        for status, response in operations()[name]["responses"].items():
            if int(status) >= 400:
                for media in resolved(response).get("content", {}).values():
                    assert media["schema"] == {"$ref": "#/components/schemas/ErrorResponse"}


@pytest.mark.parametrize(
    ("schema", "count"),
    [("SessionRequest", 24), ("Session", 44), ("SessionCompletedCallback", 16), ("ErrorResponse", 3)],
)
def test_a_body_has_as_many_members_as_the_api_documents(schema: str, count: int) -> None:
    assert len(document()["components"]["schemas"][schema]["properties"]) == count


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
        }.items()
    )
