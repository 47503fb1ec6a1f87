"""Asks for what a reader of the fragments needs: reasons, grounds, units and examples; and that drafts are reviewed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from codegen.diagnostics import Problems
from codegen.document import Array, Object
from codegen.passes.walk import Call, bodies, calls, resolve, schemas, type_names

_AMOUNT: Final = re.compile(r"(?:^|_)(?:amount|total|price|fee|tax|balance|authorized|captured|refunded|voided)s?$")
_TIME: Final = re.compile(
    r"(?:^|_)(?:timeout|duration|lifetime|delay|interval|expires_in|ttl|age|days|hours|minutes|seconds|period)$"
)
_UNIT: Final = re.compile(r"\bunit\b|\bper ?cent", re.IGNORECASE)
_TIME_UNIT: Final = re.compile(r"\b(?:millisecond|second|minute|hour|day|week|month|year)s?\b|\bunit\b", re.IGNORECASE)
_GROUND_WORDS: Final = 4
_REPEATED: Final = frozenset({"natural", "safe"})


def check_wording(document: Object, problems: Problems) -> None:
    """Report missing reasons, grounds, units and examples, and drafts that no one reviewed."""
    for call in calls(document.object("paths")):
        _check_reason(call, problems)
        _check_examples(document, call, problems)
    for part in _objects(document):
        _check_grounds(part, problems)
        if "x-review" in part:
            problems.add(part.at("x-review"), f"a draft: {part.text('x-review')} Review it, and remove `x-review`")
    for _, schema in schemas(document).objects():
        for name, member in schema.object("properties").objects():
            _check_unit(name, member, problems)


def _check_reason(call: Call, problems: Problems) -> None:
    """Ask why a POST or PATCH may be repeated without a key: it may do twice what it does."""
    operation, method = call.operation, call.method
    repetition = operation.text("x-idempotency")
    if method in {"post", "patch"} and repetition in _REPEATED and not operation.text("x-idempotency-reason").strip():
        message = f"a {method.upper()} that is `{repetition}` needs an `x-idempotency-reason`"
        problems.add(operation.at("x-idempotency"), f"{message}: why a second execution has no second effect")


def _check_examples(document: Object, call: Call, problems: Problems) -> None:
    operation, name = call.operation, call.operation.text("operationId")
    body = operation.object("requestBody")
    if any(bodies(body)) and not _has_example(body):
        problems.add(operation.at("requestBody"), f"{name} shows no example of its request body")
    replies = operation.object("responses")
    shown = [resolve(document, each) for status, each in replies.objects() if status.startswith("2")]
    with_body = [each for each in shown if any(bodies(each))]
    if with_body and not any(map(_has_example, with_body)):
        problems.add(operation.at("responses"), f"{name} shows no example of a reply")


def _has_example(holder: Object) -> bool:
    return any("example" in media or media.object("examples") for _, media in holder.object("content").objects())


def _check_grounds(part: Object, problems: Problems) -> None:
    grounds = part.get("x-enforced")
    for limit, ground in grounds.items() if isinstance(grounds, Object) else ():
        if len(str(ground).split()) < _GROUND_WORDS:
            message = f"x-enforced: the ground of '{limit}' must be a phrase that a person can check"
            problems.add(grounds.at(limit) if isinstance(grounds, Object) else part.origin, message)


def _check_unit(name: str, member: Object, problems: Problems) -> None:
    if {"integer", "number"}.isdisjoint(type_names(member)):
        return
    text = member.text("description")
    if _AMOUNT.search(name) and not _UNIT.search(text):
        problems.add(member.at("description"), f"the description of the amount '{name}' must name its unit")
    if _TIME.search(name) and not _TIME_UNIT.search(text):
        problems.add(member.at("description"), f"the description of the time '{name}' must name its unit")


def _objects(value: object) -> Iterator[Object]:
    if isinstance(value, Array):
        for item in value:
            yield from _objects(item)
    elif isinstance(value, Object):
        yield value
        for key, member in value.items():
            if key not in {"example", "examples", "value", "default", "const", "enum"}:
                yield from _objects(member)
