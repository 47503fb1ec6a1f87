"""The error tree: what catches what, and that errors travel."""

from __future__ import annotations

import copy
import pickle
import re

import pytest

from checkout_async import errors

CLASSES: list[type[errors.CheckoutError]] = [
    value for name in errors.__all__ if isinstance(value := getattr(errors, name), type)
]


def test_every_error_is_a_checkout_error() -> None:
    assert all(issubclass(cls, errors.CheckoutError) for cls in CLASSES)


def test_the_drawing_at_the_top_of_the_module_is_the_tree() -> None:
    assert errors.__doc__ is not None
    lines = re.findall(r"^((?:[│ ]   |[├└]── )*)([A-Z]\w+)(?:  |$)", errors.__doc__, re.MULTILINE)
    drawn = [(len(branches) // 4, name) for branches, name in lines]
    assert sorted(name for _, name in drawn) == sorted(cls.__name__ for cls in CLASSES)
    parents: list[type] = [Exception]
    for depth, name in drawn:
        cls: type[errors.CheckoutError] = getattr(errors, name)
        assert next(base for base in cls.__mro__[1:] if not base.__name__.startswith("_")) is parents[depth], name
        parents[depth + 1 :] = [cls]


def test_the_module_has_no_public_helpers() -> None:
    own = {name for name, value in vars(errors).items() if getattr(value, "__module__", None) == errors.__name__}
    assert {name for name in own if not name.startswith("_")} == set(errors.__all__)
    assert set(errors.__all__) - {cls.__name__ for cls in CLASSES} == {"idempotency_key"}
    methods = {name for cls in CLASSES for name in vars(cls) if not name.startswith("_")}
    assert methods == {"idempotency_key", "is_transient", "key_expires_at", "may_have_been_done", "value"}


@pytest.mark.parametrize(
    "error",
    [
        errors.ConfigurationError("wrong"),
        errors.InvalidRequest("wrong", operation="op", path="$.a", reason="wrong"),
        errors.MalformedMessage("cres", "is not JSON"),
        errors.AuthenticationFailed("refused", status=400, error="invalid_client", body=b"{}"),
        errors.ConnectFailed("no", operation="op", attempts=3),
        errors.OutcomeUnknown("who knows", operation="op", attempts=2),
        errors.UnexpectedResponse("odd", operation="op", status=200, headers={"a": "b"}, request_id="q", body=b"x"),
        errors.RateLimited("slow", status=429, error_codes=["a"], retry_after=3.0, body=b"x"),
    ],
)
def test_errors_pickle_and_copy_with_everything_they_carry(error: errors.CheckoutError) -> None:
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(twin) is type(error)
        assert str(twin) == str(error)
        assert vars(twin) == vars(error)
        for name in ("headers", "body"):
            assert getattr(twin, name, None) == getattr(error, name, None)


CALL: dict[str, object] = {"operation": "", "status": 0, "headers": {}, "request_id": None, "body": b""}
DEFAULTS: dict[type[errors.CheckoutError], dict[str, object]] = {
    errors.InvalidRequest: {"operation": "", "path": "$", "reason": "", "argument": "body"},
    errors.MalformedMessage: {"message": "text", "reason": ""},
    errors.AuthenticationFailed: {"status": None, "error": None, "description": None, "body": b""},
    errors.TransportError: {"operation": "", "attempts": 1, "reason": ""},
    errors.UnexpectedResponse: {**CALL, "reason": ""},
    errors.ReplyMismatch: {**CALL, "reason": "", "value": None},
    errors.ApiError: {**CALL, "error_type": None, "error_codes": (), "retry_after": None},
}


@pytest.mark.parametrize("cls", CLASSES)
def test_every_attribute_always_exists(cls: type[errors.CheckoutError]) -> None:
    defaults = next((found for base in cls.__mro__ if (found := DEFAULTS.get(base))), dict[str, object]())
    error = cls("text")
    assert str(error) == "text"
    assert {attribute: getattr(error, attribute) for attribute in defaults} == defaults
    assert vars(error).keys() - {"may_have_been_done", "is_transient"} == defaults.keys() - {"value", "headers", "body"}
    assert (error.idempotency_key, error.key_expires_at) == (None, None)
    assert {type(error.may_have_been_done), type(error.is_transient)} == {bool}


@pytest.mark.parametrize(
    ("statuses", "may_have_been_done", "is_transient"),
    [
        ((400, 401, 403, 404, 407, 409, 410, 422, 499), False, False),
        ((425, 429), False, True),
        ((501, 505), False, False),
        ((408, 500, 502, 503, 504, 506, 520, 524, 599, 600, 999), True, True),
    ],
)
def test_a_status_says_what_may_have_been_done_and_whether_to_ask_again(
    statuses: tuple[int, ...], may_have_been_done: bool, is_transient: bool
) -> None:
    for status in statuses:
        error = errors.ApiError("failed", status=status)
        assert (status, error.may_have_been_done, error.is_transient) == (status, may_have_been_done, is_transient)


@pytest.mark.parametrize(
    ("status", "done"), [(0, True), (199, True), (200, True), (299, True), (303, True), (308, False)]
)
def test_a_reply_that_cannot_be_read_may_be_of_what_was_done(status: int, done: bool) -> None:
    error = errors.UnexpectedResponse("odd", status=status)
    assert (error.may_have_been_done, error.is_transient) == (done, False)


def test_a_mismatch_carries_the_reply_and_its_value() -> None:
    error = errors.ReplyMismatch(
        "odd", operation="op", status=201, headers={"a": "b"}, request_id="q", body=b"x", reason="amount", value=5
    )
    assert (error.operation, error.status, error.headers, error.request_id) == ("op", 201, {"a": "b"}, "q")
    assert (error.body, error.reason, error.value, error.may_have_been_done) == (b"x", "amount", 5, True)


def test_a_request_that_was_not_answered_may_be_repeated() -> None:
    assert errors.ConnectFailed("no").is_transient
    assert errors.OutcomeUnknown("who knows").is_transient
    assert not errors.ConnectFailed("no").may_have_been_done
    assert errors.OutcomeUnknown("who knows").may_have_been_done
