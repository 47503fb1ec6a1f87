"""Every public function: wherever a caller puts a secret, no frame of the package shows it when the call fails."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from checkout_async import errors
from tests.canary.frames import shown_by_frames

CANARY = "canary-9d20"
MODULES = ("webhooks", "threeds.incoming")
# What all arguments of a function are filled with in turn.
FILLINGS: dict[str, Any] = {
    "text": CANARY,
    "bytes": CANARY.encode(),
    "mapping": {CANARY: CANARY, "cres": CANARY, "Cko-Signature": CANARY, "threeDSMethodData": CANARY},
    "JSON": f'{{"id": ["{CANARY}"], "x": "{CANARY}"}}'.encode(),
}


def functions() -> Iterator[Any]:
    """Yield every public function of the modules that read or make messages, once."""
    seen: set[object] = set()
    for name in MODULES:
        module = importlib.import_module(f"checkout_async.{name}")
        for public in module.__all__:
            function = getattr(module, public)
            if inspect.isfunction(function) and not inspect.iscoroutinefunction(function) and function not in seen:
                seen.add(function)
                yield pytest.param(function, id=f"{name}.{public}")


@pytest.mark.parametrize("function", list(functions()))
def test_a_failing_call_shows_no_argument(function: Callable[..., object]) -> None:
    names = [each.name for each in inspect.signature(function).parameters.values() if each.default is each.empty]
    failures: list[errors.CheckoutError] = []
    for filling in FILLINGS.values():
        # AttributeError and TypeError mean that the function takes no such type.
        with suppress(AttributeError, TypeError):
            try:
                function(**dict.fromkeys(names, filling))
            except errors.CheckoutError as error:
                failures.append(error)
    assert failures
    for each in failures:
        assert CANARY not in f"{shown_by_frames(each)} {each!r} {vars(each)}"
