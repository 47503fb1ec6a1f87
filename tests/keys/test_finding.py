"""Where `errors.idempotency_key` looks, and which exceptions cannot carry a key."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable

import pytest

from checkout_async import errors
from checkout_async.errors.base import attach_key

KEY = "the key"


class Unhashable(Exception):
    """An exception that compares by value, as a user's transport may raise it."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unhashable)

    __hash__ = None  # type: ignore[assignment]


def carrying(error: BaseException, key: str = KEY) -> BaseException:
    attach_key(error, key, None)
    return error


def causing(cause: BaseException) -> BaseException:
    error = RuntimeError()
    error.__cause__ = cause
    return error


def during(context: BaseException) -> BaseException:
    error = TimeoutError()
    error.__context__, error.__suppress_context__ = context, True
    return error


def circular() -> BaseException:
    first = RuntimeError()
    first.__cause__ = during(first)
    return first


def deep(error: BaseException) -> BaseException:
    return causing(during(causing(error)))


@pytest.mark.parametrize("kind", [asyncio.CancelledError, errors.OutcomeUnknown])
@pytest.mark.parametrize("wrap", [causing, during, deep])
def test_a_key_is_found_through_causes_and_contexts(
    wrap: Callable[[BaseException], BaseException], kind: type[BaseException]
) -> None:
    error = carrying(kind("text"))
    assert errors.idempotency_key(error) == errors.idempotency_key(wrap(error)) == KEY


def test_a_key_is_found_in_groups() -> None:
    inner = BaseExceptionGroup("inner", [ValueError(), causing(carrying(asyncio.CancelledError()))])
    assert errors.idempotency_key(BaseExceptionGroup("outer", [KeyError(), inner])) == KEY


def test_the_nearest_key_counts() -> None:
    near = carrying(errors.OutcomeUnknown("near"), "near")
    near.__context__ = carrying(asyncio.CancelledError(), "far")
    assert errors.idempotency_key(causing(near)) == "near"


@pytest.mark.parametrize("error", [ValueError(), errors.NotFound("404"), ExceptionGroup("g", [OSError()]), circular()])
def test_where_there_is_no_key_there_is_none(error: BaseException) -> None:
    assert errors.idempotency_key(error) is None


@pytest.mark.parametrize("kind", [KeyboardInterrupt, ValueError, Unhashable])
def test_an_exception_that_cannot_carry_a_key_is_let_through_without(kind: type[BaseException]) -> None:
    """`client.abandoned_calls` has the key then."""
    assert errors.idempotency_key(carrying(kind())) is None


def test_a_key_does_not_outlive_its_exception() -> None:
    error = carrying(asyncio.CancelledError())
    alive = weakref.ref(error)
    del error
    gc.collect()
    assert alive() is None


def test_the_error_of_a_call_without_a_key_has_not_the_key_of_a_call_that_failed_before() -> None:
    second = errors.InvalidRequest("the second payment has no amount")
    second.__context__ = carrying(errors.OutcomeUnknown("the first payment"))
    assert errors.idempotency_key(second) is None


def test_an_error_of_a_call_without_a_key_has_that_of_its_cause_but_not_of_its_context() -> None:
    for error in (errors.OutcomeUnknown("x"), errors.ClientClosed("x")):
        error.__context__ = carrying(errors.OutcomeUnknown("of another call"), "another key")
        assert errors.idempotency_key(error) is None
        error.__cause__ = carrying(errors.ConnectFailed("why"))
        assert errors.idempotency_key(error) == KEY
