"""The Structs, TypedDicts and enums of each API, and `to_json`, which returns the bytes of a received value.

The module of an API is loaded on first use: some have hundreds of classes.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from checkout_async._core.model import Model, OpenEnum, RequestModel, ResponseModel
from checkout_async._core.spelling import did_you_mean
from checkout_async._generated import models as _generated

if TYPE_CHECKING:
    from checkout_async._generated.models import *  # noqa: F403  # the modules of the APIs

__all__ = ["Model", "OpenEnum", "RequestModel", "ResponseModel", "to_json"]
__all__ += _generated.__all__

if not TYPE_CHECKING:  # a checker would take every name for one that exists

    def __getattr__(name: str) -> ModuleType:
        if name not in _generated.__all__:
            hint = did_you_mean(name, __all__)
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}")
        return import_module(f"checkout_async._generated.models.{name}")


def to_json(model: Model) -> bytes:
    """Return `model.to_json()`: the bytes received, or the members as JSON. Nothing is masked."""
    return model.to_json()
