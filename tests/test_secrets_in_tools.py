"""No variable is left in the traceback of what `clears_frames` decorates, and no tool shows values with secrets."""

from __future__ import annotations

import asyncio
import copy
import inspect
import pickle
import traceback
from collections.abc import Iterator
from typing import Any, cast

import pytest
from sentry_sdk.serializer import serialize

from checkout_async import webhooks
from checkout_async.auth import AccessToken
from checkout_async.redaction import Headers, SecretMembers, clears_frames


@clears_frames
def _fail(secret: str) -> None:
    length = len(secret)
    raise ValueError(length)


@clears_frames
async def _fail_later(secret: str) -> None:
    await asyncio.sleep(0)
    try:
        _fail(f"{secret}!")
    except ValueError as error:
        raise KeyError from error


def _variables(error: BaseException | None) -> list[object]:
    assert error is not None
    below = error.__traceback__
    found: list[object] = []
    while below is not None:
        if below.tb_frame.f_code.co_name in {"_fail", "_fail_later", "call"}:
            found += below.tb_frame.f_locals.values()
        below = below.tb_next
    return found


def test_an_error_keeps_its_lines_and_loses_the_variables() -> None:
    with pytest.raises(ValueError, match="5") as caught:
        _fail("hush!")
    assert [entry.name for entry in traceback.extract_tb(caught.value.__traceback__)][-2:] == ["call", "_fail"]
    assert "hush!" not in repr(_variables(caught.value))


async def test_so_does_an_error_of_a_coroutine_with_its_cause() -> None:
    with pytest.raises(KeyError) as caught:
        await _fail_later("hush!")
    assert "hush!" not in repr(_variables(caught.value)) + repr(_variables(caught.value.__cause__))


async def test_so_do_the_errors_in_a_group() -> None:
    @clears_frames
    async def fail_in_tasks(secret: str) -> None:
        async def fail(number: int) -> None:
            own = f"{secret} {number}"
            raise ValueError(len(own))

        async with asyncio.TaskGroup() as group:
            for number in range(2):
                group.create_task(fail(number))

    with pytest.raises(ExceptionGroup) as caught:
        await fail_in_tasks("hush!")
    frames = [frame for error in caught.value.exceptions for frame, _ in traceback.walk_tb(error.__traceback__)]
    assert [frame.f_code.co_name for frame in frames] == ["fail", "fail"]
    assert "hush!" not in repr([frame.f_locals for frame in frames])


def test_an_error_that_the_caller_was_handling_keeps_its_variables() -> None:
    def fail_before(own: str) -> None:
        raise RuntimeError(len(own))

    def fail_twice() -> None:
        try:
            fail_before("mine")
        except RuntimeError:
            _fail("hush!")

    with pytest.raises(ValueError, match="5") as caught:
        fail_twice()
    context = caught.value.__context__
    assert context is not None
    assert "mine" in repr([frame.f_locals for frame, _ in traceback.walk_tb(context.__traceback__)][1:])


def test_the_decorator_keeps_name_signature_and_kind() -> None:
    assert inspect.iscoroutinefunction(_fail_later)
    assert not inspect.iscoroutinefunction(_fail)
    assert (_fail.__name__, str(inspect.signature(_fail))) == ("_fail", "(secret: 'str') -> 'None'")


@pytest.mark.parametrize("value", [Headers({"Cookie": "hush!"}), SecretMembers({"card": {"number": "hush!"}})])
def test_sentry_does_not_write_the_items_of_a_mapping_with_secrets(value: object) -> None:
    assert "hush!" not in repr(serialize({"vars": {"value": value}}))


def test_a_value_with_secrets_is_pickled_and_copied_whole() -> None:
    token = AccessToken("hush!", 2e9, 3600.0)
    for twin in (pickle.loads(pickle.dumps(token)), copy.copy(token), copy.deepcopy(token)):
        assert (twin, twin.value) == (token, "hush!")
    assert "hush!" not in f"{token!r} {token.__getstate__()}"


async def test_a_coroutine_that_went_on_after_an_exception_is_not_ended_by_a_later_error_with_that_cause() -> None:
    last: list[Exception] = []
    rounds = 0

    async def refresh() -> None:
        nonlocal rounds
        while True:
            try:
                int("the key server is down")
            except ValueError as error:
                last[:] = [error]
            rounds += 1
            await asyncio.sleep(0)

    class KeyRing:
        def __iter__(self) -> Iterator[str]:
            raise RuntimeError("there are no keys yet") from last[0]

    task = asyncio.create_task(refresh())
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="no keys yet"):
        webhooks.receive(b"{}", {"cko-signature": "00"}, cast("Any", KeyRing()))
    before = rounds
    for _ in range(3):
        await asyncio.sleep(0)
    assert not task.done()
    assert rounds == before + 3
    task.cancel()
