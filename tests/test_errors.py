"""The error tree: what catches what, and that errors travel."""

from __future__ import annotations

import copy
import pickle
import re

import pytest

from checkout_async import errors


def test_every_error_is_a_checkout_error() -> None:
    classes = [getattr(errors, name) for name in errors.__all__]
    assert all(issubclass(cls, errors.CheckoutError) for cls in classes)


def test_the_drawing_at_the_top_of_the_module_is_the_tree() -> None:
    assert errors.__doc__ is not None
    lines = re.findall(r"^((?:[│ ]   |[├└]── )*)([A-Z]\w+)(?:  |$)", errors.__doc__, re.MULTILINE)
    drawn = [(len(branches) // 4, name) for branches, name in lines]
    assert sorted(name for _, name in drawn) == sorted(errors.__all__)
    parents: list[type] = [Exception]
    for depth, name in drawn:
        cls: type[errors.CheckoutError] = getattr(errors, name)
        assert cls.__bases__ == (parents[depth],), name
        parents[depth + 1 :] = [cls]


def test_the_module_has_no_public_helpers() -> None:
    own = {name for name, value in vars(errors).items() if getattr(value, "__module__", None) == errors.__name__}
    assert own == set(errors.__all__)
    classes: list[type[errors.CheckoutError]] = [getattr(errors, name) for name in errors.__all__]
    methods = {name for cls in classes for name in vars(cls) if not name.startswith("_")}
    assert methods == {"idempotency_key", "is_transient", "may_have_been_done", "value"}


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


CALL: dict[str, object] = {"operation": "", "status": 0, "headers": {}, "request_id": None, "body": b""}
DEFAULTS: dict[type[errors.CheckoutError], dict[str, object]] = {
    errors.InvalidRequest: {"operation": "", "path": "$", "reason": ""},
    errors.MalformedMessage: {"message": "text", "reason": ""},
    errors.AuthenticationFailed: {"status": None, "error": None, "description": None, "body": b""},
    errors.TransportError: {"operation": "", "attempts": 1},
    errors.UnexpectedResponse: {**CALL, "reason": ""},
    errors.ReplyMismatch: {**CALL, "reason": "", "value": None},
    errors.ApiError: {**CALL, "error_type": None, "error_codes": (), "retry_after": None},
}


@pytest.mark.parametrize("name", errors.__all__)
def test_every_attribute_always_exists(name: str) -> None:
    cls: type[errors.CheckoutError] = getattr(errors, name)
    defaults = next((DEFAULTS[base] for base in cls.__mro__ if base in DEFAULTS), {})
    error = cls("text")
    assert str(error) == "text"
    assert {attribute: getattr(error, attribute) for attribute in defaults} == defaults
    assert vars(error).keys() - {"may_have_been_done", "is_transient"} == defaults.keys() - {"value"}
    assert error.idempotency_key is None
    assert {type(error.may_have_been_done), type(error.is_transient)} == {bool}
