"""Every public signature: wherever a caller puts a secret, no tool shows it in an error or in what is returned.

The walk takes each public function, constructor and method (doors.py), puts a canary into each parameter that can hold
text, bytes or a mapping, in every form that is nearly right (fillings.py), and makes the call fail: by this value, by
another argument of a wrong type, or by a server that refuses everything. Tools that report errors (frames.py) and that
write values (values.py) must not show the canary. The end of the run prints how many signatures, canaries and tools:

    pytest tests/canary/test_signatures.py
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any, cast

import pytest

from checkout_async.redaction import clears_frames
from tests import figures
from tests.canary.doors import NOT_SECRET, Door, all_parameters, doors, exemption
from tests.canary.fillings import WRONG, bound, fillings, good, honest_fillings
from tests.canary.frames import FRAME_TOOLS, Seen, frames, raised_from
from tests.canary.values import VALUE_TOOLS, shown_by

DOORS = doors()
NAMED = [pytest.param(door, id=door.name) for door in DOORS]


def arguments(door: Door, target: str, value: object, *, wrong: str = "") -> dict[str, Any]:
    """Return the arguments of a call: good ones for what must be given, a value for the target, one of a wrong type."""
    needed = {name: good(name, each) for name, each in door.parameters.items() if each.default is each.empty}
    return {**needed, **({wrong: WRONG} if wrong else {}), target: value}


def failing(door: Door, target: str, canary: str) -> Iterator[dict[str, Any]]:
    """Yield the arguments of calls that may fail, each with the canary in the target."""
    for value in fillings(canary):
        yield arguments(door, target, value)
    for wrong in door.parameters.keys() - {target}:
        for value in honest_fillings(str(door.parameters[target].annotation), canary):
            yield arguments(door, target, value, wrong=wrong)


_known: set[tuple[object, ...]] = set()


def new_frames(error: BaseException, canary: str) -> Iterator[Seen]:
    """Yield the frames of an error that show something else than those that were searched before."""
    for each in frames(error):
        key = each.key(canary)
        if key not in _known:
            _known.add(key)
            yield each


async def call(door: Door, given: dict[str, Any]) -> object:
    """Call a door. Await what it returns, or the first item."""
    positional = [name for name, each in door.parameters.items() if each.kind is each.POSITIONAL_ONLY]
    result: object = bound(door)(*(given.pop(name) for name in positional if name in given), **given)
    if inspect.isasyncgen(result):
        async with aclosing(cast("Any", result)) as items:
            return await anext(items)
    return await result if inspect.isawaitable(result) else result


@pytest.mark.costly
@pytest.mark.parametrize("door", NAMED)
async def test_a_failing_call_shows_no_argument(door: Door) -> None:
    for target in door.contents:
        canary = f"canary-{DOORS.index(door)}-{target.replace('_', '-')}"
        figures.NAMES["canaries in signatures"].add(canary)
        found: list[Seen] = []
        for given in failing(door, target, canary):
            figures.COUNTS["calls with canaries"] += 1
            try:
                await call(door, given)
            except Exception as error:  # noqa: BLE001 - whatever a call raises
                figures.COUNTS["errors of calls with canaries"] += 1
                leaking = {tool for tool in VALUE_TOOLS if canary in shown_by(tool, error)}
                assert leaking == set(), (target, error)
                found += new_frames(error, canary)
        tools = FRAME_TOOLS if found else ()
        leaking = {tool for tool in tools if canary in FRAME_TOOLS[tool](raised_from(found))}
        assert leaking == set(), (target, [each.place for each in found])


@pytest.mark.parametrize("door", NAMED)
async def test_what_a_repr_hides_no_other_tool_shows(door: Door) -> None:
    for target in door.contents:
        for value in honest_fillings(str(door.parameters[target].annotation), "canary-in-value"):
            try:
                result = await call(door, arguments(door, target, value))
            except Exception:  # noqa: BLE001 - the test above
                continue
            # Bytes and text are the content that was asked for.
            is_value = type(result).__module__.startswith("checkout_async") and not isinstance(result, str | bytes)
            if is_value and "canary" not in repr(result):
                shown = {tool for tool in VALUE_TOOLS if "canary" in shown_by(tool, result)}
                assert shown == set(), (target, type(result))


def test_the_walk_leaves_nothing_out_but_what_has_a_reason() -> None:
    used = {exemption(door, parameter) for door, parameter in all_parameters()}
    assert used == {*NOT_SECRET, None}
    walked = {door.name for door in DOORS}
    assert {"webhooks.receive", "client.payments.request_payment", "checkout_async.CheckoutClient"} <= walked
    assert {"threeds.emv.encoding.require_field", "config.check_proxy", "errors.ApiError", "batch.Record"} <= walked
    figures.NAMES["signatures"] |= walked
    figures.NAMES["sinks"] |= {f"frames in {tool}" for tool in FRAME_TOOLS} | {
        f"values in {tool}" for tool in VALUE_TOOLS
    }


@pytest.mark.parametrize("tool", FRAME_TOOLS)
def test_each_tool_shows_the_variables_of_a_frame_that_are_not_cleared(tool: str, tmp_path: Path) -> None:
    file = tmp_path / "checkout_async" / "leak.py"
    file.parent.mkdir()
    file.write_text("def leak(body):\n    raise ValueError(len(body))\n")
    namespace: dict[str, Any] = {}
    exec(compile(file.read_text(), str(file), "exec"), namespace)
    for function, expected in ((namespace["leak"], True), (clears_frames(namespace["leak"]), False)):
        with pytest.raises(ValueError, match="15") as caught:
            function("canary-in-local")
        assert ("canary-in-local" in FRAME_TOOLS[tool](raised_from(frames(caught.value)))) is expected


def test_the_walk_finds_a_leak() -> None:
    def leak(body: str, other: int) -> None:
        raise ValueError(len(body) + other)

    door = Door("any", leak)
    assert door.contents == ["body"]
    with pytest.raises(TypeError) as caught:
        leak(**arguments(door, "body", "canary-in-argument", wrong="other"))
    caught.value.__traceback__ = caught.tb.tb_next
    assert "canary-in-argument" in "".join(tool(caught.value) for tool in FRAME_TOOLS.values())
