"""Structs and enums by API, and `to_json`: a received value as the bytes it came as.

An API's module is loaded when it is first asked for: some have hundreds of classes.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

import msgspec

from checkout_async._core.model import Model, OpenEnum, RequestModel, ResponseModel

if TYPE_CHECKING:
    from checkout_async._generated.models import access, payments, sessions, webhooks

__all__ = [
    "Model",
    "OpenEnum",
    "RequestModel",
    "ResponseModel",
    "access",
    "payments",
    "sessions",
    "to_json",
    "webhooks",
]


def __getattr__(name: str) -> ModuleType:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"checkout_async._generated.models.{name}")


def to_json(model: Model) -> bytes:
    """Return a model as JSON.

    A whole value received from the API gives the bytes it came as: members and values that this version does not know
    are in them, and so are secrets. A model made by hand, a part or a copy of a received one gives what it holds.
    """
    if isinstance(model, ResponseModel) and isinstance(raw := vars(model).get("raw"), bytes):
        return raw
    return msgspec.json.encode(model)
