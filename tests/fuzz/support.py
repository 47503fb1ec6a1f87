"""What the fuzz tests share: every operation with its calls and example bodies, and a scripted transport."""

from __future__ import annotations

import importlib
import inspect
import pickle
from collections.abc import Callable, Iterator
from copy import copy, deepcopy
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, settings

from checkout_async import CheckoutClient, Limits, RetryPolicy, SecretKey
from checkout_async._core.wire import ApiRequest, HttpRequest, HttpResponse, Operation, Transport
from checkout_async._generated import operations as generated_operations
from checkout_async.auth import Credentials
from checkout_async.config import Timeouts
from tests.generated.support import Example, examples

__all__ = ["CALLS", "KEY", "RELAXED", "URL", "Call", "Scripted", "client", "effort", "survives"]

KEY = "sk_sbox_" + "a" * 27
URL = "https://api.example"
TOKEN_URL = "https://access.example/connect/token"
RELAXED = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


def effort(share: float) -> settings:
    """Return settings for a share of the examples that the profile in force asks for."""
    wanted = max(1, int(settings().max_examples * share / 2))
    return settings(max_examples=wanted, deadline=None, suppress_health_check=RELAXED)


@dataclass(frozen=True, repr=False)
class Call:
    """One operation: how to make a request of it, and the examples of what is sent and received."""

    operation: Operation[Any] = field(repr=False)
    build: Callable[..., ApiRequest[Any]] = field(repr=False)
    sent: tuple[Example, ...] = field(repr=False)
    received: tuple[Example, ...] = field(repr=False)

    def __repr__(self) -> str:
        return self.operation.name

    @property
    def required(self) -> dict[str, Any]:
        """The arguments that a call cannot go without, all of them valid."""
        names = [name for name, each in inspect.signature(self.build).parameters.items() if each.default is each.empty]
        return {name: self._argument(name) for name in names}

    def request(self, **arguments: Any) -> ApiRequest[Any]:
        """Return a valid request, some of its arguments replaced."""
        return self.build(**{**self.required, **arguments})

    def takes(self, argument: str) -> bool:
        """Return whether the operation has an argument."""
        return argument in inspect.signature(self.build).parameters

    def _argument(self, name: str) -> Any:
        if name == "body":
            return self.sent[0].value
        prefix = {"session_id": "sid_", "payment_id": "pay_"}.get(name)
        return f"{prefix}{'a' * 26}" if prefix else "ORD-1"


def _calls() -> Iterator[Call]:
    found = list(examples())
    for api in generated_operations.__all__:
        module = importlib.import_module(f"checkout_async._generated.operations.{api}")
        for value in list(vars(module).values()):
            if value.__class__ is Operation:
                own = [each for each in found if each.operation == value.name]
                yield Call(
                    value,
                    vars(module)[f"build_{value.name}"],
                    tuple(each for each in own if each.status is None),
                    tuple(each for each in own if each.status is not None),
                )


CALLS = list(_calls())


@dataclass
class Scripted:
    """A transport that gives the same reply to every request, and records the requests."""

    reply: HttpResponse = field(default_factory=lambda: HttpResponse(status=200, headers={}, body=b"{}"))
    requests: list[HttpRequest] = field(default_factory=list[HttpRequest])

    async def send(self, request: HttpRequest, timeouts: Timeouts, /) -> HttpResponse:
        self.requests.append(request)
        return self.reply

    async def aclose(self) -> None:
        pass


def client(transport: Transport | None, credentials: Credentials | None = None, **options: Any) -> CheckoutClient:
    """Return a client of a scripted transport that never waits."""
    settings_: dict[str, Any] = {
        "base_url": URL,
        "token_url": TOKEN_URL,
        "timeout": 20.0,
        "retry": RetryPolicy(attempts=1),
        "limits": Limits(read_rate=None, write_rate=None, retry_budget=None),
        **options,
    }
    return CheckoutClient(credentials or SecretKey(KEY), transport=transport, **settings_)


def survives(value: Any) -> list[Any]:
    """Return the value pickled, copied and copied deeply, after it was printed in every way."""
    assert isinstance(str(value), str)
    assert isinstance(repr(value), str)
    return [pickle.loads(pickle.dumps(value)), copy(value), deepcopy(value)]
