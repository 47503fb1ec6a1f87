"""Events of a client's calls, the Hook protocol, and hooks for logging and OpenTelemetry.

Use them as `CheckoutClient(hooks=[LoggingHook(), OpenTelemetryHook()])`. OpenTelemetry (extra `otel`) is imported when
its hook is created.
"""

from __future__ import annotations

from checkout_async._core.abandoned import AbandonedCall
from checkout_async._core.events import (
    AttemptEnded,
    AttemptStarted,
    CallEnded,
    CallInfo,
    CallStarted,
    Event,
    Hook,
    RetryScheduled,
    TokenFetchEnded,
    TokenFetchStarted,
    Waited,
    WaitReason,
)
from checkout_async.observability.logging import LoggingHook
from checkout_async.observability.otel import OpenTelemetryHook

__all__ = [
    "AbandonedCall",
    "AttemptEnded",
    "AttemptStarted",
    "CallEnded",
    "CallInfo",
    "CallStarted",
    "Event",
    "Hook",
    "LoggingHook",
    "OpenTelemetryHook",
    "RetryScheduled",
    "TokenFetchEnded",
    "TokenFetchStarted",
    "WaitReason",
    "Waited",
]
