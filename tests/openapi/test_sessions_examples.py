"""The example bodies of Sessions: valid, or defective in ways that are named here.

Published bodies are kept as printed. What the API's own documents got wrong stands in two tables: what breaks the
schema, and what contradicts itself in ways no schema sees.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.openapi.support import EXAMPLES, NO_BODIES, bodies, defects, shown_bodies

BODIES = bodies("sessions")
FULL = (
    "request_session.response.201",
    "get_session.response.200",
    "get_session.linked.response.200",
    "update_session.response.200",
    "update_three_ds_method_completion.response.200",
)
"""The full replies, printed by the API reference and the guide alike."""
PRINTED_BY_REFERENCE = tuple(name for name in FULL if "linked" not in name)

USUAL = {
    ("/account_info/cardholder_account_age_indicator", "enum"): "`no_account,` with a stray comma",
    ("/acs/authentication_type", "pattern"): "`string` in place of two digits",
}
SCHEMA_DEFECTS: dict[str, dict[tuple[str, str], str]] = {
    **dict.fromkeys(FULL, USUAL),
    "request_session.request": {
        ("", "required"): "`completion` was lost",
        ("/processing_channel_id", "pattern"): "`string` in place of an identifier",
        ("/account_info/cardholder_account_age_indicator", "enum"): "`no_account,` with a stray comma",
    },
    "legacy.request_session.hosted.request": {("/shipping_address/state", "maxLength"): "`London` is no code"},
    "legacy.request_session.hosted.response.202": {
        ("/id", "maxLength"): "31 characters",
        ("/id", "pattern"): "31 characters",
    },
    "legacy.request_session.non_hosted.request": {
        ("/shipping_address/state", "maxLength"): "`London` is no code",
        ("/completion", "oneOf"): "`non-hosted`, spelt with a hyphen",
    },
}

Body = Any
CONTRADICTIONS: dict[str, tuple[tuple[str, ...], Callable[[Body], bool]]] = {
    "the cardholder is to be redirected, although already challenged": (
        FULL,
        lambda body: body["status"] == "challenged" and "redirect_cardholder" in body["next_actions"],
    ),
    "not approved and challenged, although the response code says authenticated": (
        FULL,
        lambda body: (body["approved"], body["status"], body["response_code"]) == (False, "challenged", "Y"),
    ),
    "a reason of failure next to the response code of success": (
        (*FULL, "complete_session.callback", "complete_session.callback_guide"),
        lambda body: (body["response_code"], body["response_status_reason"]) == ("Y", "01"),
    ),
    "month and year of expiry are 0": (
        FULL,
        lambda body: [body["google_spa"]["token"][f"expiry_{part}"] for part in ("month", "year")] == [0, 0],
    ),
    "dates are placeholders": (
        FULL,
        lambda body: body["account_info"]["account_date"] == "2019-08-24T14:15:22Z",
    ),
    "the challenge request belongs to another transaction": (
        FULL,
        lambda body: challenge_request(body)["threeDSServerTransID"] != body["transaction_id"],
    ),
    "the URL of the access control server was lost": (
        PRINTED_BY_REFERENCE,
        lambda body: "url" not in body["acs"],
    ),
    "links were lost": (
        PRINTED_BY_REFERENCE,
        lambda body: not body["_links"].keys() & {"self", "three_ds_method_url", "acs_url"},
    ),
    "three links are empty": (
        PRINTED_BY_REFERENCE,
        lambda body: sum(link == {} for link in body["_links"].values()) == 3,
    ),
    "links carry an identifier of 31 characters, not that of the session": (
        ("get_session.linked.response.200",),
        lambda body: "sid_y3oqhf46pyzuxjbcn2giaqnb441" in body["_links"]["self"]["href"],
    ),
    "American Express with a number of Visa": (
        ("request_session.request",),
        lambda body: body["source"]["scheme"] == "amex" and body["source"]["number"].startswith("4"),
    ),
    "terms of a series and of instalments for a single payment": (
        ("request_session.request",),
        lambda body: body["authentication_type"] == "regular" and {"recurring", "installment"} <= body.keys(),
    ),
    "the name of the header inside its value": (
        ("request_session.request", "update_session.request"),
        lambda body: body.get("channel_data", body)["accept_header"].startswith("Accept:"),
    ),
    "the client hint in quotes, with a line feed": (
        ("update_session.request",),
        lambda body: body["user_agent_client_hint"][0] == "'" and "\n" in body["user_agent_client_hint"],
    ),
    "an amount of 100 is answered with 6540": (
        ("request_session.non_hosted.response.202",),
        lambda body: (BODIES["request_session.non_hosted.request"]["amount"], body["amount"]) == (100, 6540),
    ),
    "members are missing that are documented as always present": (
        ("request_session.non_hosted.response.202", "get_session.challenged.response.200"),
        lambda body: not body.keys() & {"scheme", "challenge_indicator"},
    ),
    "the link to the session is not on the host of the API": (
        ("request_session.non_hosted.response.202",),
        lambda body: "//3ds2.ckotech.co/" in body["_links"]["self"]["href"],
    ),
    "a word in place of the code of who granted the exemption": (
        ("session_exemption.response_fragment",),
        lambda body: body["trusted_beneficiary"]["source"] == "ACS",
    ),
    "members of today are missing": (
        ("legacy.request_session.hosted.response.202", "legacy.request_session.non_hosted.response.202"),
        lambda body: not body.keys() & {"session_secret", "scheme"},
    ),
}


def challenge_request(body: Body) -> Body:
    """Return the challenge request that a reply carries ready-made."""
    encoded: str = body["3ds"]["challenge_request"]
    return json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))


@pytest.mark.parametrize("name", sorted(BODIES.keys() - SCHEMA_DEFECTS.keys()))
def test_a_body_is_valid(name: str) -> None:
    assert defects(name) == set()


@pytest.mark.parametrize("name", SCHEMA_DEFECTS)
def test_a_defective_body_has_the_defects_named_and_no_others(name: str) -> None:
    assert defects(name) == SCHEMA_DEFECTS[name].keys()


@pytest.mark.parametrize(
    ("defect", "name"), [(defect, name) for defect, (names, _) in CONTRADICTIONS.items() for name in names]
)
def test_a_published_body_contradicts_itself_as_named(defect: str, name: str) -> None:
    _, is_present = CONTRADICTIONS[defect]
    assert is_present(BODIES[name])


def test_legacy_bodies_are_the_only_ones_with_spellings_of_the_superseded_guide() -> None:
    spelt = {name for name in BODIES if any(text in json.dumps(BODIES[name]) for text in ('"redirect"', "non-hosted"))}
    assert spelt == {"legacy.request_session.hosted.response.202", "legacy.request_session.non_hosted.request"}


def test_the_document_shows_every_body_of_an_operation_without_defects_and_no_other() -> None:
    shown = {name for name, body in BODIES.items() if json.dumps(body) in shown_bodies()}
    current = {name for name in BODIES if not name.startswith(("legacy.", "session_exemption."))}
    assert shown == current - SCHEMA_DEFECTS.keys()


def test_the_readme_names_every_file() -> None:
    text = (EXAMPLES / "sessions" / "README.md").read_text()
    for name in [*BODIES, *NO_BODIES]:
        assert f"`{name}.json`" in text or name.startswith("error."), name
