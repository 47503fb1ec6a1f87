"""A sender that answers from a script, and the values its answers and questions are made of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, TypeVar, cast

import anyio
import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from checkout_async import CheckoutClient, OAuthCredentials, batch
from checkout_async.batch import FAKE_BROWSER_DATA, BatchOptions, InvalidRecord, Journal, Outcome, Record
from checkout_async.batch.breaker import OnPause
from checkout_async.batch.command.job import Job
from checkout_async.batch.files import RunFiles
from checkout_async.batch.queues import Records
from checkout_async.models import sessions
from checkout_async.operations import ApiRequest, ApiResponse, Sender
from checkout_async.sandbox import Sandbox
from checkout_async.sandbox.http.faults import Behaviour

T = TypeVar("T")

SID = "sid_" + "a" * 26
CARD = "4485040371536584"
Answer = sessions.Session | Exception

RECURRING = sessions.MerchantInitiatedChannelData(
    request_type=sessions.MerchantInitiatedRequestType.RECURRING_TRANSACTION
)


def run(
    sender: Sender,
    records: Records,
    *,
    journal: Journal | None = None,
    stop: anyio.Event | None = None,
    on_pause: OnPause | None = None,
    **options: Any,
) -> AsyncGenerator[Outcome]:
    """`batch.run` with these options, for requests without channel data, as `request` makes them."""
    members: dict[str, Any] = {"channel_data": FAKE_BROWSER_DATA, **options}
    given = BatchOptions(**members)
    return batch.run(sender, records, options=given, journal=journal, stop=stop, on_pause=on_pause)


_OPTIONS = {each.name for each in fields(BatchOptions)}
_OF_JOB = {each.name for each in fields(Job)}


def job_of(**given: Any) -> Job:
    """A job of the command, with the members of its files and options named beside its own."""
    options = {name: given.pop(name) for name in _OPTIONS & given.keys()}
    own = {name: given.pop(name) for name in _OF_JOB & given.keys()}
    return Job(files=RunFiles(**given), options=BatchOptions(**options), **own)


def changed(job: Job, **given: Any) -> Job:
    """The same job with other files, options or members of its own."""
    options = {name: given.pop(name) for name in _OPTIONS & given.keys()}
    own = {name: given.pop(name) for name in _OF_JOB & given.keys()}
    return replace(job, files=replace(job.files, **given), options=replace(job.options, **options), **own)


class Clock:
    """A time that only the test moves on, in seconds."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class HeldReplies(Behaviour):
    """Requests are processed; their replies wait until they are `released`."""

    def __init__(self) -> None:
        self.held = 0
        self.released = asyncio.Event()

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        reply = await handler(request)
        self.held += 1
        await self.released.wait()
        return reply


class ScriptedSender:
    """A Sender: `answer` is given each request and returns a session or raises. It remembers what it was asked."""

    def __init__(self, answer: Callable[[ApiRequest[object]], Answer | Awaitable[Answer]]) -> None:
        self._answer = answer
        self.calls: list[tuple[str, object]] = []

    async def send(self, request: ApiRequest[T], /) -> ApiResponse[T]:
        self.calls.append((request.operation.name, request.body))
        answer = self._answer(cast("ApiRequest[object]", request))
        value = await answer if isinstance(answer, Awaitable) else answer
        if isinstance(value, Exception):
            raise value
        return ApiResponse(value=cast("T", value), status=200, headers={}, request_id=None, body=b"")

    @property
    def operations(self) -> list[str]:
        return [name for name, _ in self.calls]


def in_turn(*answers: Answer) -> ScriptedSender:
    """Answer the first call with the first answer, and so on."""
    queue = list(answers)
    return ScriptedSender(lambda _: queue.pop(0))


def session(status: str = "approved", *actions: str, **members: object) -> sessions.Session:
    """A session as a reply shows it; complete with its proof when it is authenticated."""
    proof = {"eci": "05", "cryptogram": "c" * 28, "response_code": "Y"} if status == "approved" else {}
    body: dict[str, object] = {
        "id": SID,
        "transaction_id": "9aea641d-0549-4222-9ca9-d90b43a4f38c",
        "amount": 100,
        "currency": "GBP",
        "authentication_type": "regular",
        "authentication_category": "payment",
        "status": status,
        "protocol_version": "2.2.0",
        "next_actions": list(actions),
        "_links": {},
    }
    return msgspec.convert(body | proof | members, sessions.Session)


def record(line: int = 1, number: str = CARD, /, **members: object) -> Record:
    """A record whose request the sandbox accepts."""
    return Record(line=line, request=request(number, **members), reference=f"ref-{line}")


def request(number: str = CARD, /, **members: object) -> Any:
    """A session request for a card, non-hosted and without channel data."""
    return {
        "source": {"type": "card", "number": number, "expiry_month": 1, "expiry_year": 2035},
        "amount": 100,
        "currency": "GBP",
        "completion": {"type": "non_hosted"},
    } | members


def reference_of(request: ApiRequest[object]) -> str:
    """The reference in the body of a request."""
    return str(cast("Mapping[str, object]", request.body)["reference"])


def bad_line(line: int) -> InvalidRecord:
    return InvalidRecord(line=line, reason="the line is not a JSON object")


def client_of(
    sandbox: Sandbox, secret: str = "sandbox_secret", scopes: Sequence[str] = ("sessions:browser", "sessions:app")
) -> CheckoutClient:
    credentials = OAuthCredentials("ack_sandbox", secret, scopes=scopes)
    return CheckoutClient(credentials, base_url=sandbox.base_url, token_url=sandbox.token_url)


def lines_of(outcomes: list[Outcome]) -> list[int]:
    return [outcome.line for outcome in outcomes]
