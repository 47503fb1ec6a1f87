"""The bytes of a reply stay with its value, and nothing that writes objects by their attributes finds them."""

from __future__ import annotations

import copy
import json
import pickle
import sys

import msgspec
import pytest
from rich.pretty import pretty_repr

from checkout_async._core.codec import decode
from checkout_async.models import ResponseModel, to_json
from tests.core.models import Receipt

BODY = b'{"id":"r_1","unknown":{"cryptogram":"canary-77"}}'


def received() -> Receipt:
    return decode(Receipt, BODY)[0]


def test_they_are_kept() -> None:
    assert to_json(received()) == BODY


def test_there_are_no_vars_that_a_web_framework_could_write() -> None:
    with pytest.raises(TypeError):
        vars(received())
    with pytest.raises(TypeError):
        json.dumps(received(), default=vars)
    with pytest.raises(TypeError):
        dict(received())  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType, reportUnknownVariableType]


def test_no_view_of_the_value_has_them() -> None:
    value = received()
    views = [
        repr(value),
        str(value),
        pretty_repr(value),
        repr(value.__getstate__()),
        repr(value.__reduce__()),
        repr(msgspec.to_builtins(value)),
        msgspec.json.encode(value).decode(),
        repr(pickle.dumps(value)),
    ]
    assert not [view for view in views if "canary" in view]


def test_a_copy_is_equal_and_has_none() -> None:
    value = received()
    for twin in (copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
        assert twin == value
        assert b"canary" not in to_json(twin)


def test_they_are_freed_with_the_value() -> None:
    value = received()
    kept = to_json(value)
    before = sys.getrefcount(kept)
    del value
    assert sys.getrefcount(kept) == before - 1


def test_every_received_class_is_without_a_dict() -> None:
    classes, seen = [ResponseModel], set[type[ResponseModel]]()
    while classes:
        kind = classes.pop()
        seen.add(kind)
        classes += kind.__subclasses__()
    assert len(seen) > 2
    assert not [kind.__name__ for kind in seen if kind.__dictoffset__]
