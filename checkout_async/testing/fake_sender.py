"""A sender for unit tests: it returns models by operation, records the calls, and sends nothing."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final, TypeAlias, TypeVar, cast

import msgspec

from checkout_async._core.prepare import prepare, user_agent
from checkout_async._core.wire import ApiRequest, ApiResponse, BodyFormat, Operation
from checkout_async._generated.facts import REQUEST_ID_HEADER
from checkout_async._generated.resources.client_apis import ClientApis
from checkout_async.config import Validation
from checkout_async.operations.catalogue import find_operation
from checkout_async.redaction import SecretStruct

__all__ = ["FakeReply", "FakeSender", "RecordedCall"]

T = TypeVar("T")

FakeResult: TypeAlias = "msgspec.Struct | BaseException | Callable[[RecordedCall], object] | None"
FakeReply: TypeAlias = "FakeResult | Sequence[FakeResult]"
"""A model, an exception, a function from a RecordedCall to one of these, or a list of them for consecutive calls."""

_BASE_URL: Final = "https://api.test"
_REQUEST_ID: Final = "00000000-0000-0000-0000-000000000000"


class RecordedCall(SecretStruct, frozen=True, kw_only=True):
    """A call that a FakeSender answered. `repr` shows neither body nor key."""

    __hidden__: ClassVar[tuple[str, ...]] = ("body", "headers", "idempotency_key", "request")

    operation: str
    """The operation's name, such as `request_payment`."""
    method: str
    path: str
    """Path and query, such as `/payments/pay_1?limit=10`."""
    body: Any
    """The JSON body as it would have been sent, decoded; None if there is none."""
    headers: Mapping[str, str]
    idempotency_key: str | None
    request: ApiRequest[Any]
    """The request as the operation function built it, with its options."""


class FakeSender(ClientApis):
    """Stands in for a CheckoutClient where no connection is needed: pass it to what takes a client or a sender.

        sender = FakeSender({"get_payment": payments.Payment(id="pay_1", approved=True)})
        payment = await sender.payments.get_payment("pay_1")
        assert sender.calls[0].path == "/payments/pay_1"

    `replies` maps names of operations to what their calls return: a model, an exception to raise, a function that takes
    the RecordedCall and returns one of these, or a list with one of these for each consecutive call. None is the reply
    without a body. Requests are checked as a client checks them: at the level `validate`.

    Raises ValueError for an operation that does not exist, and TypeError for a model that the operation does not reply
    with. A call without a reply raises AssertionError.
    """

    def __init__(self, replies: Mapping[str, FakeReply] | None = None, *, validate: Validation = "shape") -> None:
        self.calls: list[RecordedCall] = []
        """The calls so far, oldest first. Those that were refused before sending are not among them."""
        self._validate: Validation = validate
        self._replies: dict[str, Any] = {}
        for operation, reply in (replies or {}).items():
            self.reply(operation, reply)

    def reply(self, operation: str, reply: FakeReply) -> None:
        """Set what calls of an operation return from now on; the class says what it may be."""
        description = find_operation(operation)
        if isinstance(reply, list | tuple):
            consecutive = deque(cast("list[object]", reply))
            for each in consecutive:
                _check(description, each)
            self._replies[operation] = consecutive
        else:
            _check(description, reply)
            self._replies[operation] = reply

    def calls_of(self, operation: str) -> list[RecordedCall]:
        """Return the calls of one operation, oldest first. Raises ValueError for one that does not exist."""
        find_operation(operation)
        return [call for call in self.calls if call.operation == operation]

    async def send(self, request: ApiRequest[T]) -> ApiResponse[T]:
        """Record a call and return its reply, as a client's `send` does."""
        call = self._recorded(request)
        self.calls.append(call)
        value = self._next_reply(call)
        if callable(value) and not isinstance(value, type | msgspec.Struct):
            value = value(call)
            _check(request.operation, value)
        if isinstance(value, BaseException):
            raise value
        body = b"" if value is None else msgspec.json.encode(value)
        return ApiResponse(
            value=cast("T", value),
            status=_status(request.operation, value),
            headers={REQUEST_ID_HEADER.lower(): _REQUEST_ID},
            request_id=_REQUEST_ID,
            body=body,
        )

    async def aclose(self) -> None:
        """Do nothing: there is no connection to close."""

    async def __aenter__(self) -> FakeSender:
        return self

    async def __aexit__(self, *_error: object) -> None:
        return None

    def _recorded(self, request: ApiRequest[Any]) -> RecordedCall:
        http = prepare(request, _BASE_URL.__add__, user_agent(None), validate=self._validate)
        is_json = http.body is not None and request.operation.body_format is BodyFormat.JSON
        return RecordedCall(
            operation=request.operation.name,
            method=http.method,
            path=http.url.removeprefix(_BASE_URL),
            body=msgspec.json.decode(http.body or b"null") if is_json else http.body,
            headers=http.headers,
            idempotency_key=http.idempotency_key,
            request=request,
        )

    def _next_reply(self, call: RecordedCall) -> Any:
        name = call.operation
        if name not in self._replies:
            raise AssertionError(
                f"{name} was called, and FakeSender has no reply for it: FakeSender({{{name!r}: ...}})"
            )
        reply = self._replies[name]
        if not isinstance(reply, deque):
            return reply
        if not reply:
            raise AssertionError(f"{name} was called more often than FakeSender has replies for it")
        return cast("deque[object]", reply).popleft()


def _check(operation: Operation[Any], reply: object) -> None:
    """Raise TypeError if calls of an operation never return this."""
    types = tuple({type(None) if each is None else each for each in operation.responses.values()})
    is_function = callable(reply) and not isinstance(reply, type | msgspec.Struct)
    if isinstance(reply, (*types, BaseException)) or is_function:
        return
    allowed = " or ".join(sorted("None" if each is type(None) else each.__name__ for each in types))
    raise TypeError(f"{operation.name} replies with {allowed}, not with {type(reply).__name__}")


def _status(operation: Operation[Any], value: object) -> int:
    """Return the first documented status whose reply has this type."""
    fits: Callable[[Any], bool] = lambda each: value is None if each is None else isinstance(value, each)  # noqa: E731
    return next(status for status, each in operation.responses.items() if fits(each))
