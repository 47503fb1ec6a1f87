"""Structs and enums by API, and `to_json`: a received value as the bytes it came as."""

from __future__ import annotations

import msgspec

from checkout_async._core.model import Model, OpenEnum, RequestModel, ResponseModel
from checkout_async._generated.models import access, sessions

__all__ = ["Model", "OpenEnum", "RequestModel", "ResponseModel", "access", "sessions", "to_json"]


def to_json(model: Model) -> bytes:
    """Return a model as JSON.

    A whole value received from the API gives the bytes it came as: members and values that this version does not know
    are in them, and so are secrets. A model made by hand, a part or a copy of a received one gives what it holds.
    """
    if isinstance(model, ResponseModel) and isinstance(raw := vars(model).get("raw"), bytes):
        return raw
    return msgspec.json.encode(model)
