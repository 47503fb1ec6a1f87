"""How a defect is planted and registered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from unittest import mock

import checkout_async.transport.aiohttp as transport
from checkout_async import errors
from checkout_async._core.wire import HttpRequest, HttpResponse
from checkout_async.config import Timeouts

T = TypeVar("T")

Send = Callable[[Any, HttpRequest, Timeouts], Awaitable[HttpResponse]]


@dataclass(frozen=True, slots=True)
class Defect:
    """A mistake, and how to plant it: within `with defect():` the package makes it.

    `fix` is the subject of the commit that corrected it: the package made this mistake once.
    """

    name: str
    fix: str
    plant: Callable[[], AbstractContextManager[object]]

    def __call__(self) -> AbstractContextManager[object]:
        return self.plant()


DEFECTS: Final[dict[str, Defect]] = {}


def defect(*, fix: str = "") -> Callable[[Callable[[], Generator[None]]], Defect]:
    """Register a defect under the name of its function. `fix` is the subject of the commit that corrected it."""

    def register(plant: Callable[[], Generator[None]]) -> Defect:
        made = DEFECTS[plant.__name__] = Defect(plant.__name__, fix, contextmanager(plant))
        return made

    return register


@contextmanager
def replaced(owner: object, name: str, value: object) -> Generator[None]:
    """Replace an attribute. Raises AttributeError if there is none of this name: then the defect has no target."""
    with mock.patch.object(owner, name, value):
        PLANTED.append((owner, name, value))
        yield


PLANTED: Final[list[tuple[object, str, object]]] = []
"""What was replaced, in order: the tests of the defects look here whether a patch took hold."""


def always(value: T) -> Callable[..., T]:
    """Return a function that returns the value whatever it is called with."""
    return lambda *_args, **_named: value


def sending(change: Callable[[Send], Send]) -> AbstractContextManager[object]:
    """Replace how a request is sent: `change` takes the genuine function and returns the other one."""
    return replaced(transport.AiohttpTransport, "send", change(transport.AiohttpTransport.send))


def changing_api_errors(change: Callable[[Any], None]) -> AbstractContextManager[object]:
    """Change each ApiError when it is made."""
    genuine: Any = errors.ApiError.__init__

    def init(self: Any, *args: Any, **named: Any) -> None:
        genuine(self, *args, **named)
        change(self)

    return replaced(errors.ApiError, "__init__", init)
