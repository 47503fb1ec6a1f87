"""The Structs, TypedDicts and enums of each API, and `to_json`, which returns the bytes of a received value.

The module of an API is loaded on first use: some have hundreds of classes.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

import msgspec

from checkout_async._core.model import Model, OpenEnum, RequestModel, ResponseModel, received
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
    """Return a model as JSON.

    For the whole value of a reply, these are the bytes received: they include members and values that this version does
    not know, and secrets. A model that you made yourself, and a part or a copy of a received one, is encoded from its
    members.
    """
    if isinstance(model, ResponseModel) and (body := received(model)) is not None:
        return body
    return msgspec.json.encode(model)
