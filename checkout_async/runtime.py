"""What generated packages import of this one. `python -m checkout_async.codegen --package` writes such packages.

A generated package states the interface that it was made for, one integer, and checks it when it is imported.
"""

from __future__ import annotations

from typing import Final

from checkout_async._core.deprecation import deprecated, warn_deprecated
from checkout_async._core.former_names import FormerNames, read_former
from checkout_async._core.model import (
    OpenEnum,
    RequestModel,
    ResponseModel,
    modules_on_demand,
    named_on_demand,
)
from checkout_async._core.multipart import Upload
from checkout_async._core.paging import Page, by_link, by_position
from checkout_async._core.parameters import Parameter, list_parameter, optional_parameter, parameter_text
from checkout_async._core.resource import ForwardingSender, Resource
from checkout_async._core.wire import (
    Alternative,
    ApiRequest,
    ApiResponse,
    BodyFormat,
    CallOptions,
    Idempotency,
    Operation,
    Sender,
)
from checkout_async._version import __version__
from checkout_async.config import RetryPolicy, Timeouts, Validation

__all__ = [
    "INTERFACE",
    "Alternative",
    "ApiRequest",
    "ApiResponse",
    "BodyFormat",
    "CallOptions",
    "FormerNames",
    "ForwardingSender",
    "Idempotency",
    "OpenEnum",
    "Operation",
    "Page",
    "Parameter",
    "RequestModel",
    "Resource",
    "ResponseModel",
    "RetryPolicy",
    "Sender",
    "Timeouts",
    "Upload",
    "Validation",
    "by_link",
    "by_position",
    "deprecated",
    "list_parameter",
    "modules_on_demand",
    "named_on_demand",
    "optional_parameter",
    "parameter_text",
    "read_former",
    "require_interface",
    "warn_deprecated",
]

INTERFACE: Final = 1
"""The version of this module's interface. A new one means that packages have to be generated again."""


def require_interface(wanted: int, package: str) -> int:
    """Return the interface that a generated package was made for. Raises ImportError if it is not that of this module.

    A package that was made for another interface may be imported and then send something else than it should.
    """
    if wanted == INTERFACE:
        return wanted
    remedy = "install a newer checkout-async"
    if wanted < INTERFACE:
        remedy = f"generate it again: python -m checkout_async.codegen --package {package}"
    raise ImportError(
        f"the package {package} was generated for interface {wanted} of checkout-async, and the installed version "
        f"{__version__} has interface {INTERFACE}: {remedy}",
        name=package,
    )
