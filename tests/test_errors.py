"""The error tree: what catches what, and that errors travel."""

from __future__ import annotations

import copy
import pickle

import pytest

from checkout_async import errors

CLASSES: list[type[errors.CheckoutError]] = [
    value for name in errors.__all__ if isinstance(value := getattr(errors, name), type)
]


def test_every_error_is_a_checkout_error() -> None:
    assert all(issubclass(cls, errors.CheckoutError) for cls in CLASSES)


def test_every_error_is_in_the_drawing_at_the_top_of_the_module() -> None:
    assert errors.__doc__ is not None
    for cls in CLASSES:
        assert cls.__name__ in errors.__doc__


def test_the_module_has_no_public_helpers() -> None:
    own = {name for name, value in vars(errors).items() if getattr(value, "__module__", None) == errors.__name__}
    assert own == set(errors.__all__)
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


@pytest.mark.parametrize(
    "cls",
    [errors.InvalidRequest, errors.MalformedMessage, errors.ApiError, errors.UnexpectedResponse, errors.OutcomeUnknown],
)
def test_every_attribute_always_exists(cls: type[errors.CheckoutError]) -> None:
    assert vars(cls("text"))
    assert str(cls("text")) == "text"
