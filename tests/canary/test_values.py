"""Every model and every error prints no secret, and is pickled and copied whole."""

from __future__ import annotations

import copy
import importlib
import pickle
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from checkout_async import errors
from checkout_async._core.model import RequestModel, ResponseModel
from checkout_async._generated import operations as generated_operations
from checkout_async.errors.base import attach_key
from tests.canary.channels import leaks, rendered, shown
from tests.canary.marks import Canaries

LAST_FOUR = "7Qz9"
APIS = ("common", *generated_operations.__all__)
ERRORS = [kind for name in errors.__all__ if isinstance(kind := getattr(errors, name), type)]


def models() -> list[type[RequestModel | ResponseModel]]:
    modules = [importlib.import_module(f"checkout_async._generated.models.{api}") for api in APIS]
    found = [each for module in modules for each in vars(module).values() if isinstance(each, type)]
    return sorted({each for each in found if issubclass(each, RequestModel | ResponseModel)}, key=repr)


def name_of(kind: type) -> str:
    return f"{kind.__module__.rpartition('.')[2]}.{kind.__name__}"


def filled(model: type[RequestModel | ResponseModel], canaries: Canaries) -> RequestModel | ResponseModel:
    """Return a model with text in every member, marked where the specification says that it is sensitive."""
    members: dict[str, Any] = {name: "any text" for name in model.__struct_fields__ if name != "type"}
    canaries.values[LAST_FOUR] = "last four characters"
    # Of a card number alone, the last four characters are shown.
    for name, kind in model.__sensitive__.items():
        members[name] = canaries.add(name, f"canary-of-{name}" + ("" if kind == "pan" else LAST_FOUR))
    return model(**members)


@pytest.mark.parametrize("model", models(), ids=name_of)
def test_a_model_shows_no_sensitive_member_alone_or_inside_another_and_travels_whole(
    model: type[RequestModel | ResponseModel],
) -> None:
    canaries = Canaries()
    value = filled(model, canaries)
    assert leaks([*shown(value), *shown({"a": (value, [value])})], canaries) == []
    for twin in (pickle.loads(pickle.dumps(value)), copy.copy(value), copy.deepcopy(value)):
        assert twin == value
        assert leaks(list(shown(twin)), canaries) == []


def test_a_member_that_does_not_exist_is_refused_without_its_value() -> None:
    makers: list[Callable[..., object]] = [*models()]
    for make in makers:
        with pytest.raises(TypeError) as caught:
            make(no_such_member="canary-of-a-member")
        assert leaks(list(rendered(caught.value)), Canaries({"canary-of-": "wrong member"})) == []


class Card:
    """An object of the caller that prints everything, in place of a model."""

    def __repr__(self) -> str:
        return "Card('canary-of-a-card')"


@pytest.mark.parametrize(
    "strange", [Card(), {"number": "canary-of-a-card"}, [Card()], {"canary-of-a-card"}, b"canary-of-a-card"]
)
def test_an_object_that_is_not_a_model_is_masked_inside_one(strange: object) -> None:
    for model in models():
        value = filled(model, Canaries())
        for name in model.__struct_fields__[:1]:
            msgspec.structs.force_setattr(value, name, strange)
        assert leaks(list(shown(value)), Canaries({"canary-of-": "strange member"})) == []


@pytest.mark.parametrize("kind", ERRORS, ids=name_of)
def test_an_error_pickles_and_copies_with_all_it_carries_but_its_key(kind: type[errors.CheckoutError]) -> None:
    error = kind("the text")
    for name in vars(error):
        setattr(error, name, type(vars(error)[name])())
    attach_key(error, "canary-of-a-key", None)
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert (type(twin), str(twin), vars(twin)) == (kind, "the text", vars(error))
        assert repr(vars(twin)) == repr(vars(error))
    assert pickle.loads(pickle.dumps(error)).idempotency_key is None
    assert leaks(list(rendered(error)), Canaries({"canary-of-": "key"})) == []
