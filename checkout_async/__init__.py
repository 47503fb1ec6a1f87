"""checkout-async: an async-first SDK for Checkout.com's Standalone Sessions (3D Secure) and Payments APIs."""

from __future__ import annotations

import logging
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from checkout_async import errors, models, operations
from checkout_async._core.model import UNSET
from checkout_async._core.spelling import did_you_mean
from checkout_async._generated import API_VERSION
from checkout_async._version import __version__
from checkout_async.auth import OAuthCredentials, SecretKey, SessionSecret
from checkout_async.client import CheckoutClient
from checkout_async.config import NO_SUBDOMAIN, Environment, Limits, RetryPolicy, Timeouts
from checkout_async.errors import CheckoutError

if TYPE_CHECKING:
    from checkout_async import money, testing, threeds, webhooks

# The application decides where the warnings of a library go.
logging.getLogger(__name__).addHandler(logging.NullHandler())

__all__ = [
    "API_VERSION",
    "NO_SUBDOMAIN",
    "UNSET",
    "CheckoutClient",
    "CheckoutError",
    "Environment",
    "Limits",
    "OAuthCredentials",
    "RetryPolicy",
    "SecretKey",
    "SessionSecret",
    "Timeouts",
    "__version__",
    "errors",
    "models",
    "money",
    "operations",
    "testing",
    "threeds",
    "webhooks",
]

_ON_DEMAND = frozenset({"money", "testing", "threeds", "webhooks"})


if not TYPE_CHECKING:  # a checker would take every name for one that exists

    def __getattr__(name: str) -> ModuleType:
        """Load an optional module of the package on first use."""
        if name not in _ON_DEMAND:
            hint = did_you_mean(name, __all__)
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}")
        return import_module(f"{__name__}.{name}")
