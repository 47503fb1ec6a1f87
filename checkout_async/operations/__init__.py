"""The operations of each API, as functions that take a Sender first. `name` sends a call; `build_name` only builds it.

The module of an API is loaded on first use.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from checkout_async._core.spelling import did_you_mean
from checkout_async._core.wire import ApiRequest, ApiResponse, Sender
from checkout_async._generated import operations as _generated

if TYPE_CHECKING:
    from checkout_async._generated.operations import *  # noqa: F403  # the modules of the APIs

__all__ = ["ApiRequest", "ApiResponse", "Sender"]
__all__ += _generated.__all__

if not TYPE_CHECKING:  # a checker would take every name for one that exists

    def __getattr__(name: str) -> ModuleType:
        if name not in _generated.__all__:
            hint = did_you_mean(name, __all__)
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}")
        return import_module(f"checkout_async._generated.operations.{name}")
