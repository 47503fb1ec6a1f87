"""The sandbox over HTTP: routes from the document, headers of every reply, error bodies, the request log."""

from __future__ import annotations

import logging
from collections import Counter, deque
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from checkout_async.sandbox.core.calls import ApiCall, CallNotes, OperationHandler
from checkout_async.sandbox.core.errors import ApiRefusal, internal_error, invalid, not_found
from checkout_async.sandbox.core.simulation import Simulation
from checkout_async.sandbox.core.spec import ApiOperation
from checkout_async.sandbox.core.tokens import NOT_ACCEPTABLE, TokenRefused
from checkout_async.sandbox.http.control import ROOT, ControlEndpoints, json_response
from checkout_async.sandbox.http.faults import Faults
from checkout_async.sandbox.http.hosts import AllowedHosts
from checkout_async.sandbox.pages.acs import ChallengePages, MethodPages
from checkout_async.sandbox.pages.countdown import Countdown
from checkout_async.sandbox.pages.hosted import HostedPages
from checkout_async.sandbox.payments.queries import NEXT_PAGE_PATH
from checkout_async.sandbox.payments.simulator import PaymentsSimulator
from checkout_async.sandbox.sessions.card_tokens import TOKENS_PATH
from checkout_async.sandbox.sessions.simulator import SessionsSimulator

_log = logging.getLogger("checkout_async.sandbox")

_ACCESS_TOKEN = "request_access_token"  # noqa: S105 - an operation
_NEXT_PAGE_SUFFIX = ".next"
_MAX_RECORDS = 10_000
_NOTES = web.RequestKey("notes", CallNotes)


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """A request that the sandbox answered; it contains no credential."""

    method: str
    path: str
    operation_id: str | None
    """None for a path or method that the document does not have."""
    authorization: str
    """Kind of credential: `none`, `bearer`, `basic`, `session_secret` or `other`."""
    status: int
    """0 if a fault prevented both processing and reply."""
    request_id: str
    forgiven: tuple[str, ...] = ()
    """What the sandbox forgave: JSON paths of members of the body, `header {name}`, `query {name}`."""
    replayed: bool = False
    """The reply is the stored one to an earlier request with the same idempotency key."""
    key_mismatch: bool = False
    """The idempotency key came before with another body."""


class RequestLog:
    """The latest 10,000 requests, and how many there were of each operation."""

    def __init__(self) -> None:
        self._records: deque[RequestRecord] = deque(maxlen=_MAX_RECORDS)
        self._counts: Counter[str | None] = Counter()

    def add(self, record: RequestRecord) -> None:
        """Record an answered request."""
        self._records.append(record)
        self._counts[record.operation_id] += 1

    def records(self) -> tuple[RequestRecord, ...]:
        """Return the requests, oldest first."""
        return tuple(self._records)

    def count(self, operation_id: str | None) -> int:
        """Count the answered requests of an operation."""
        return self._counts[operation_id]


class SandboxApp:
    """Builds the aiohttp application of a sandbox."""

    def __init__(
        self,
        simulation: Simulation,
        sessions: SessionsSimulator,
        payments: PaymentsSimulator,
        faults: Faults,
        log: RequestLog,
        hosts: AllowedHosts,
    ) -> None:
        self._simulation = simulation
        self._spec = simulation.spec
        self._sessions = sessions
        self._payments = payments
        self._faults = faults
        self._requests = log
        self._hosts = hosts

    def build(self) -> web.Application:
        """Build the application, ready to be run."""
        app = web.Application(middlewares=[self._middleware()])
        payments = self._payments.operations()
        handlers = {**self._sessions.operations().handlers(), **payments.handlers()}
        for operation in self._spec.operations.values():
            if operation.id == _ACCESS_TOKEN:
                _route(app, operation, self._issue_token)
            elif operation.id in handlers:
                _route(app, operation, _http_handler(operation, handlers[operation.id]))
            else:
                _route(app, operation, _not_simulated)
        app.router.add_post(TOKENS_PATH, self._issue_card_token)
        search = self._spec.operations["search_payments"]
        next_page = _http_handler(search, payments.next_page())
        app.router.add_get(NEXT_PAGE_PATH, next_page, name=f"{search.id}{_NEXT_PAGE_SUFFIX}")
        cardholder, customer = self._sessions.cardholder, self._payments.customer
        ControlEndpoints(cardholder, customer, self._simulation.clock, self._hosts).register(app)
        self._register_pages(app)
        return app

    def _register_pages(self, app: web.Application) -> None:
        store = self._sessions.store
        countdown = Countdown(store, self._simulation.clock)
        MethodPages(store).register(app)
        ChallengePages(self._simulation, store, self._sessions.cardholder, countdown).register(app)
        HostedPages(self._simulation, store).register(app)
        countdown.register(app)

    def _middleware(self) -> Middleware:
        @web.middleware
        async def finish(request: web.Request, handler: Handler) -> web.StreamResponse:
            """Apply a planned fault, turn refusals into error bodies, add the headers, and log the request."""
            request_id = self._simulation.ids.fork("request").uuid("id")
            foreign = self._hosts.refusal(request.headers.get("Host"))
            fault = None if foreign else self._faults.take(self._operation_id(request))
            response: web.StreamResponse
            try:
                if foreign is not None:
                    response = json_response(403, {"error": foreign})
                else:
                    response = await (handler(request) if fault is None else fault.answer(request, handler))
            except ApiRefusal as refusal:
                response = _error_response(refusal, request_id)
            except web.HTTPException as error:
                if error.status == 404 and self._is_elsewhere(request.path):
                    response = await _not_simulated(request)
                else:
                    response = _error_response(_routing_refusal(error), request_id)
            except Exception:  # noqa: BLE001 - the caller gets the documented body, whatever failed
                _log.exception("the sandbox could not answer %s %s", request.method, request.path)
                response = _error_response(internal_error(), request_id)
            response.headers["Cko-Request-Id"] = request_id
            response.headers["Cko-Version"] = self._spec.version
            self._requests.add(self._record(request, response.status, request_id))
            return response if fault is None else await self._faults.deliver(fault, request, response)

        return finish

    def _is_elsewhere(self, path: str) -> bool:
        """Return whether a path belongs to an API that the sandbox does not play. Below its own it is just unknown."""
        played = {operation.path.split("/")[1] for operation in self._spec.operations.values()}
        return path.split("/")[1] not in {*played, ROOT.strip("/"), TOKENS_PATH.strip("/")}

    async def _issue_card_token(self, request: web.Request) -> web.StreamResponse:
        authorization = request.headers.get("Authorization", "")
        body = await request.read()
        return json_response(201, self._sessions.card_tokens.issue(body, authorization, self._simulation.access))

    def _operation_id(self, request: web.Request) -> str | None:
        name = (request.match_info.route.name or "").removesuffix(_NEXT_PAGE_SUFFIX)
        return name if name in self._spec.operations else None

    def _record(self, request: web.Request, status: int, request_id: str) -> RequestRecord:
        notes = request.get(_NOTES) or CallNotes()
        return RequestRecord(
            method=request.method,
            path=request.path,
            operation_id=self._operation_id(request),
            authorization=_authorization_kind(request.headers.get("Authorization")),
            status=status,
            request_id=request_id,
            forgiven=tuple(notes.forgiven),
            replayed=notes.replayed,
            key_mismatch=notes.key_mismatch,
        )

    async def _issue_token(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        try:
            token = self._simulation.tokens.issue(body, request.content_type, request.headers.get("Authorization"))
        except TokenRefused as refused:
            if refused.code == NOT_ACCEPTABLE:
                return web.Response(status=406, text="Not Acceptable")
            return json_response(400, {"error": refused.code})
        response = json_response(200, token)
        response.headers["Cache-Control"] = "no-store"
        return response


def _route(app: web.Application, operation: ApiOperation, handler: Handler) -> None:
    app.router.add_route(operation.method, operation.path, handler, name=operation.id)


def _http_handler(operation: ApiOperation, handler: OperationHandler) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        call = ApiCall(
            operation=operation,
            resource_id=request.match_info.get("id", ""),
            headers=request.headers,
            content_type=request.content_type,
            body=await request.read(),
            query=request.query,
        )
        request[_NOTES] = call.notes
        reply = await handler(call)
        if reply.lost and request.transport is not None:
            request.transport.abort()
        return web.Response(status=reply.status) if reply.body is None else json_response(reply.status, reply.body)

    return handle


async def _not_simulated(request: web.Request) -> web.Response:
    """Answer a call of an operation that the sandbox does not play; the body is the sandbox's, not the API's."""
    message = (
        f"The sandbox does not simulate {request.method} {request.path}."
        " It plays the Sessions and Payments operations, the token endpoint and POST /tokens."
    )
    return json_response(501, {"error": message})


def _error_response(refusal: ApiRefusal, request_id: str) -> web.Response:
    body = refusal.body(request_id)
    response = web.Response(status=refusal.status) if body is None else json_response(refusal.status, body)
    if refusal.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"  # RFC 9110 section 15.5.2
    return response


def _routing_refusal(error: web.HTTPException) -> ApiRefusal:
    """Translate a refusal of aiohttp itself: unknown path, wrong method, oversized body."""
    if error.status == 404:
        return not_found("resource")
    if error.status == 405:
        return ApiRefusal(405, "operation_not_allowed", ["operation_not_allowed"])
    return invalid("request_invalid")


def _authorization_kind(header: str | None) -> str:
    """Return the kind of credential in an `Authorization` header."""
    if not header:
        return "none"
    word = header.partition(" ")[0].lower()
    if word in {"bearer", "basic"}:
        return word
    return "session_secret" if header.startswith("sek_") else "other"
