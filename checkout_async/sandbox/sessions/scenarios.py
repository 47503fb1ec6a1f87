"""Test data: which card number or amount leads to which outcome, as one table.

`SCENARIOS` are the rows. A row has a card number in every scheme (`card_number`) and an amount (`amount`) for sources
whose card number the sandbox does not see. Any other number is authenticated without a challenge.
"""

from __future__ import annotations

from dataclasses import dataclass

from checkout_async.sandbox.core.spec import check_enum


@dataclass(frozen=True, slots=True)
class ErrorReply:
    """An error reply to `request_session`."""

    status: int
    error_type: str
    error_code: str


@dataclass(frozen=True, slots=True)
class Scenario:
    """How the scheme and the issuer treat a card."""

    row: int
    """Its two digits in the card number and the amount."""
    name: str
    summary: str
    method_url: bool = True
    """The card range has a 3DS Method URL."""
    method_answers: bool = True
    """The 3DS Method notification arrives in time."""
    challenge: bool = False
    response_code: str = "Y"
    """transStatus of the answer; for a challenge, the default with which the cardholder completes it."""
    reason: str | None = None
    """transStatusReason, two digits."""
    status_reason: str | None = None
    """Overrides the usual `ares_status` / `rreq_status`."""
    delegated: bool = False
    """The issuer delegated the authentication."""
    polls: int = 0
    """Number of replies to `get_session` that still say `processing`."""
    failing_gets: int = 0
    """Number of 502 replies to `get_session` before the first success."""
    vault: bool = True
    """The vault can be reached: replies describe the card."""
    google_spa: bool = False
    """The card can be authenticated with Google Secure Payment Authentication."""
    failure: ErrorReply | None = None


SCENARIOS = (
    Scenario(1, "frictionless", "approved without a challenge"),
    Scenario(2, "frictionless_no_method", "approved without a challenge, no 3DS Method URL", method_url=False),
    Scenario(3, "challenge", "challenged; approved if the cardholder succeeds", challenge=True),
    Scenario(
        4,
        "challenge_no_method",
        "challenged, no 3DS Method URL",
        challenge=True,
        method_url=False,
    ),
    Scenario(5, "challenge_failed", "challenged; the cardholder fails", challenge=True, response_code="N", reason="01"),
    Scenario(6, "attempted", "attempted: a stand-in authenticated", response_code="A"),
    Scenario(7, "declined", "declined by the issuer", response_code="N", reason="01"),
    Scenario(8, "rejected", "rejected by the issuer", response_code="R", reason="11"),
    Scenario(9, "unavailable", "unavailable: technical failure at the ACS", response_code="U", reason="22"),
    Scenario(
        10,
        "ares_error",
        "unavailable: faulty authentication response, with error details",
        response_code="U",
        reason="22",
        status_reason="ares_error",
    ),
    Scenario(
        11,
        "rreq_error",
        "challenged, then unavailable: faulty challenge result",
        challenge=True,
        response_code="U",
        reason="22",
        status_reason="rreq_error",
    ),
    Scenario(
        12, "risk_declined", "declined by the risk engine, the scheme is not asked", status_reason="risk_declined"
    ),
    Scenario(13, "slow", "processing, then approved", polls=2),
    Scenario(14, "slow_challenge", "processing, then challenged", polls=2, challenge=True),
    Scenario(15, "delegated", "approved without a challenge, authentication delegated", delegated=True),
    Scenario(16, "silent_method", "approved; the 3DS Method never answers (`N`)", method_answers=False),
    Scenario(
        17, "google_spa", "challenged through Google SPA where the request prefers it", challenge=True, google_spa=True
    ),
    Scenario(18, "no_vault", "approved; replies lack `card` for a source `card`", vault=False),
    Scenario(19, "flaky_get", "approved; the first two `get_session` calls fail with 502", failing_gets=2),
    Scenario(
        20,
        "not_enrolled",
        "422 `card_not_enrolled`",
        failure=ErrorReply(422, "unprocessable_entity", "card_not_enrolled"),
    ),
    Scenario(
        21,
        "scheme_outage",
        "503 `scheme_outage`",
        failure=ErrorReply(503, "service_not_available", "scheme_outage"),
    ),
    Scenario(22, "ds_error", "503 `ds_error`", failure=ErrorReply(503, "service_not_available", "ds_error")),
    Scenario(
        23,
        "duplicate",
        "409 `session_already_in_use`",
        failure=ErrorReply(409, "duplicate_requests_detected", "session_already_in_use"),
    ),
    Scenario(
        24,
        "internal_error",
        "500 `unknown_error`",
        failure=ErrorReply(500, "internal_server_error", "unknown_error"),
    ),
    Scenario(
        25,
        "channel_disabled",
        "422 `processing_channel_disabled`",
        failure=ErrorReply(422, "unprocessable_entity", "processing_channel_disabled"),
    ),
)

_BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
_BY_ROW = {scenario.row: scenario for scenario in SCENARIOS}
DEFAULT = _BY_NAME["frictionless"]

SCHEMES = {
    "visa": ("400000", 16),
    "mastercard": ("520000", 16),
    "amex": ("370000", 15),
    "diners": ("360000", 14),
    "discover": ("601100", 16),
    "jcb": ("352800", 16),
    "upi": ("620000", 16),
}
"""Leading digits and length of the test cards of each scheme."""
check_enum("Scheme", SCHEMES)

PUBLISHED = {
    "4485040371536584": _BY_NAME["frictionless"],
    "4242424242424242": _BY_NAME["challenge_no_method"],
}
"""Cards that the integration guide and the tests of the official SDKs use, with the outcome observed there."""

_AMOUNT_MARK = 91
_DOUBLED = str.maketrans("0123456789", "0246813579")
"""Luhn: every second digit counts twice, less 9 if that makes two digits."""
_RANGES = (
    ("visa", 4, 4),
    ("mastercard", 51, 55),
    ("mastercard", 2221, 2720),
    ("amex", 34, 34),
    ("amex", 37, 37),
    ("diners", 300, 305),
    ("diners", 36, 36),
    ("diners", 38, 39),
    ("discover", 6011, 6011),
    ("discover", 644, 659),
    ("jcb", 3528, 3589),
    ("upi", 62, 62),
)


def card_number(name: str, scheme: str = "visa") -> str:
    """Return the card number of a scenario: the scheme's prefix, zeros, the row's two digits, a zero, the Luhn digit.

    KeyError for a name that is not in `SCENARIOS` or a scheme that is not in `SCHEMES`.
    """
    return number_of_row(_BY_NAME[name].row, scheme)


def number_of_row(row: int, scheme: str) -> str:
    """Return the card number of a row of two digits, of this or another table."""
    prefix, length = SCHEMES[scheme]
    body = f"{prefix}{row:0{length - len(prefix) - 2}d}0"
    return body + str(-_luhn_sum(body + "0") % 10)


def amount(name: str) -> int:
    """Return the smallest amount, in the minor unit, that selects a scenario; KeyError for an unknown name."""
    return _AMOUNT_MARK * 100 + _BY_NAME[name].row


def for_card(number: str) -> Scenario:
    """Return the scenario of a card number, by default `frictionless`."""
    return _BY_NUMBER.get(number, DEFAULT)


def for_amount(minor_units: int) -> Scenario:
    """Return the scenario of an amount: `91` and a row as its last four digits."""
    mark, row = divmod(minor_units % 10_000, 100)
    return _BY_ROW.get(row, DEFAULT) if mark == _AMOUNT_MARK else DEFAULT


def scheme_of(number: str) -> str | None:
    """Return the scheme of a card number by its leading digits, or None."""
    for scheme, low, high in _RANGES:
        if low <= int(number[: len(str(low))]) <= high:
            return scheme
    return None


def is_card_number(number: str) -> bool:
    """Return whether a string consists of digits and the last one is the Luhn check digit."""
    return number.isascii() and number.isdigit() and _luhn_sum(number) % 10 == 0


def _luhn_sum(number: str) -> int:
    return sum(map(int, number[-1::-2])) + sum(map(int, number[-2::-2].translate(_DOUBLED)))


_BY_NUMBER = {card_number(row.name, scheme): row for row in SCENARIOS for scheme in SCHEMES} | PUBLISHED
