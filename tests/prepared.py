"""What a process of `tests.forking` has ready when it starts: modules and values that a run loads or makes late.

The process that forks imports this once. Nothing here has a thread, an event loop or an open file.
"""

from __future__ import annotations

import gc
from importlib import import_module

import msgspec

from checkout_async.models import access, payments, sessions
from checkout_async.transport.connector import _system_context

LATE = (
    "anyio._backends._asyncio",
    "checkout_async.batch.cluster.worker",
    "checkout_async.batch.results.file",
    "checkout_async.cli",
    "checkout_async.sandbox",
    "distributed",
    "redis.asyncio",
)
for name in LATE:
    import_module(name)
# msgspec resolves the annotations of a type when it first decodes one.
for model in (access.AccessToken, sessions.Session, sessions.SessionRequest, payments.PaymentList):
    msgspec.json.Decoder(model)
_system_context()
# A collection in a fork would copy the pages of all that is older than it.
gc.freeze()
