"""Operations by API, as functions that take a Sender first: for each, `name` sends and `build_name` only builds."""

from checkout_async._core.wire import ApiRequest, ApiResponse, Sender
from checkout_async._generated.operations import access, sessions

__all__ = ["ApiRequest", "ApiResponse", "Sender", "access", "sessions"]
