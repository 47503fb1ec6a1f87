"""Operations by API, as functions that take a Sender first: for each, `name` sends and `build_name` only builds.

An API's module is loaded when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from checkout_async._core.wire import ApiRequest, ApiResponse, Sender

if TYPE_CHECKING:
    from checkout_async._generated.operations import access, payments, sessions

__all__ = ["ApiRequest", "ApiResponse", "Sender", "access", "payments", "sessions"]


def __getattr__(name: str) -> ModuleType:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"checkout_async._generated.operations.{name}")
