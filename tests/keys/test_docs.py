"""docs/errors.md: its table of errors is true and complete, and its code runs."""

from __future__ import annotations

import ast
import asyncio
import re
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from checkout_async import RetryPolicy, errors
from checkout_async.sandbox import CannedResponse, Fault, Sandbox
from tests.documents import python_blocks
from tests.keys.till import REFERENCE, order
from tests.loop_time import LoopTime, StallThatEndsTheAttempt

PAGE = Path(__file__).parents[2] / "docs/errors.md"
CLASSES: dict[str, type[Any]] = {
    name: kind for name in errors.__all__ if isinstance(kind := getattr(errors, name), type)
}
TABLE = re.findall(r"^\| (`[A-Z].*) \| (.+) \| (.+) \|$", PAGE.read_text(), re.MULTILINE)
ANOTHER_4XX = 418


def made(name: str, described: str) -> list[errors.CheckoutError]:
    """Return the errors of a class that a row of the table is about, by the statuses that it names."""
    kind = CLASSES[name]
    if issubclass(kind, errors.UnexpectedResponse):
        return [kind("text", status=200)]
    if not issubclass(kind, errors.ApiError):
        return [kind("text")]
    own = re.search(rf"`{name}` (?P<statuses>\d[\d, ]*)", described)
    return [kind("text", status=int(each)) for each in re.findall(r"\d+", own["statuses"] if own else str(ANOTHER_4XX))]


def test_the_table_has_every_error() -> None:
    assert {name for row in TABLE for name in re.findall(r"`(\w+)`", row[0])} == set(CLASSES)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: re.sub(r"\W+", "-", row[0]).strip("-"))
def test_the_two_attributes_of_an_error_are_as_the_table_says(row: tuple[str, str, str]) -> None:
    """The first word of a cell is what the class says; the fault matrix tests what depends on the call."""
    described, may_have_been_done, is_transient = row
    for name in re.findall(r"`(\w+)`", described):
        for error in made(name, described):
            assert str(error.may_have_been_done) == re.split(r"\W", may_have_been_done)[0]
            assert str(error.is_transient) == re.split(r"\W", is_transient)[0]


def test_an_unreadable_reply_may_follow_what_was_carried_out_unless_it_sends_the_request_elsewhere() -> None:
    """RFC 9110 section 15.4: 301, 307 and 308 are about the address; 303 and 302 are also sent after a request."""
    statuses = (0, 101, 199, 200, 299, 300, 301, 302, 303, 304, 307, 308)
    found = {status for status in statuses if not errors.UnexpectedResponse("text", status=status).may_have_been_done}
    assert found == {301, 307, 308}


@pytest.fixture
def names() -> dict[str, Any]:
    """Return what the first block of the page defines, without its last part, which pays."""
    defined = python_blocks(PAGE)[0].split("\nasync with", 1)[0].replace("(0, 1, 10, 60)", "(0, 0, 0, 0)")
    found: dict[str, Any] = {"__name__": "page"}
    exec(compile(defined, str(PAGE), "exec"), found)
    return found


@pytest.mark.parametrize("lost", [0, 1, 3])
async def test_its_function_pays_once_however_many_replies_are_lost(names: dict[str, Any], lost: int) -> None:
    async with Sandbox() as sandbox, sandbox.client(retry=RetryPolicy(attempts=1)) as checkout:
        if lost:
            sandbox.faults.add("request_payment", Fault.LOST_REPLY, times=lost)
        payment = await names["pay"](checkout, order(), "a-key")
        assert list(sandbox.payments) == [payment.id]
        assert sandbox.count("request_payment") == lost + 1


async def test_its_function_raises_the_doubt_rather_than_a_later_refusal(names: dict[str, Any]) -> None:
    async with Sandbox() as sandbox, sandbox.client(retry=RetryPolicy(attempts=1)) as checkout:
        sandbox.faults.add("request_payment", Fault.LOST_REPLY, times=1)
        sandbox.faults.add("request_payment", CannedResponse(403), at=2, times=None)
        with pytest.raises(errors.OutcomeUnknown):
            await names["pay"](checkout, order(), "a-key")


async def test_its_function_raises_a_refusal_at_once(names: dict[str, Any]) -> None:
    async with Sandbox() as sandbox, sandbox.client(retry=RetryPolicy(attempts=1)) as checkout:
        sandbox.faults.add("request_payment", CannedResponse(403), times=None)
        with pytest.raises(errors.Forbidden):
            await names["pay"](checkout, order(), "a-key")
        assert sandbox.count("request_payment") == 1


async def test_the_key_is_found_behind_a_timeout() -> None:
    block = python_blocks(PAGE)[2]
    assert "asyncio.timeout(5)" in block
    async with Sandbox() as sandbox, sandbox.client() as checkout:
        sandbox.faults.add("request_payment", Fault.STALLED, times=1)
        sandbox.faults._released = StallThatEndsTheAttempt(LoopTime(asyncio.get_running_loop()), 5)
        made = SimpleNamespace(from_env=lambda: nullcontext(checkout))
        names: dict[str, Any] = {"asyncio": asyncio, "errors": errors, "order": order(), "CheckoutClient": made}
        code = compile(block, str(PAGE), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        await eval(code, names)
        assert [names["key"]] == [call.idempotency_key for call in checkout.abandoned_calls]
        assert checkout.abandoned_calls[0].reference == REFERENCE
