"""The sandbox over HTTP: routes from the document, headers of every reply, error bodies, the request log."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from checkout_async.sandbox.core.call import Call, Reply
from checkout_async.sandbox.core.errors import ApiRefusal, internal_error, invalid, not_found
from checkout_async.sandbox.core.ids import Mint
from checkout_async.sandbox.core.request_log import RequestLog, RequestRecord, authorization_kind
from checkout_async.sandbox.core.spec import ApiSpec, Operation
from checkout_async.sandbox.core.tokens import NOT_ACCEPTABLE, TokenEndpoint, TokenRefused
from checkout_async.sandbox.http.control import Control
from checkout_async.sandbox.http.faults import Faults
from checkout_async.sandbox.payments.operations import PaymentOperations
from checkout_async.sandbox.payments.queries import NEXT_PAGE_PATH
from checkout_async.sandbox.sessions.operations import SessionOperations

_log = logging.getLogger("checkout_async.sandbox")

_Run = Callable[[Call], Awaitable[Reply]]
_FURTHER_PAGE = ".next"


class Pages(Protocol):
    """Pages of one subject for a browser."""

    def add_to(self, app: web.Application) -> None:
        """Register their paths."""
        ...


class SandboxApp:
    """Puts the simulator's parts behind an aiohttp application."""

    def __init__(
        self,
        spec: ApiSpec,
        tokens: TokenEndpoint,
        sessions: SessionOperations,
        payments: PaymentOperations,
        control: Control,
        pages: Iterable[Pages],
        log: RequestLog,
        mint: Mint,
        faults: Faults,
    ) -> None:
        self._spec = spec
        self._tokens = tokens
        self._sessions = sessions
        self._payments = payments
        self._control = control
        self._pages = tuple(pages)
        self._requests = log
        self._mint = mint
        self._faults = faults

    def build(self) -> web.Application:
        """Build the application, ready to be run."""
        app = web.Application(middlewares=[self._middleware()])
        operations: dict[str, _Run] = {
            "request_session": self._sessions.request_session,
            "get_session": self._sessions.get_session,
            "update_session": self._sessions.update_session,
            "update_three_ds_method_completion": self._sessions.update_three_ds_method_completion,
            "complete_session": self._sessions.complete_session,
            **self._payments.handlers(),
        }
        for operation_id, run in operations.items():
            operation = self._spec.operations[operation_id]
            _route(app, operation, _api_handler(operation, run))
        _route(app, self._spec.operations["request_access_token"], self._issue_token)
        search = self._spec.operations["search_payments"]
        next_page = _api_handler(search, self._payments.next_page())
        app.router.add_get(NEXT_PAGE_PATH, next_page, name=f"{search.id}{_FURTHER_PAGE}")
        self._control.add_to(app)
        for pages in self._pages:
            pages.add_to(app)
        return app

    def _middleware(self) -> Middleware:
        @web.middleware
        async def finish(request: web.Request, handler: Handler) -> web.StreamResponse:
            """Turn refusals into error bodies, add the headers, log the request; let the fault happen it meets."""
            request_id = self._mint.child("request").uuid("id")
            fault = self._faults.take(self._operation_id(request))
            try:
                response = await (handler(request) if fault is None else fault.answer(request, handler))
            except ApiRefusal as refusal:
                response = _refused(refusal, request_id)
            except web.HTTPException as problem:
                response = _refused(_unrouted(problem), request_id)
            except Exception:  # noqa: BLE001 - whatever failed, the caller gets the documented body
                _log.exception("the sandbox could not answer %s %s", request.method, request.path)
                response = _refused(internal_error(), request_id)
            response.headers["Cko-Request-Id"] = request_id
            response.headers["Cko-Version"] = self._spec.version
            self._requests.add(self._record(request, response.status, request_id))
            return response if fault is None else await self._faults.deliver(fault, request, response)

        return finish

    def _operation_id(self, request: web.Request) -> str | None:
        name = (request.match_info.route.name or "").removesuffix(_FURTHER_PAGE)
        return name if name in self._spec.operations else None

    def _record(self, request: web.Request, status: int, request_id: str) -> RequestRecord:
        return RequestRecord(
            method=request.method,
            path=request.path,
            operation_id=self._operation_id(request),
            authorization=authorization_kind(request.headers.get("Authorization")),
            status=status,
            request_id=request_id,
        )

    async def _issue_token(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        try:
            token = self._tokens.issue(body, request.content_type, request.headers.get("Authorization"))
        except TokenRefused as refused:
            if refused.code == NOT_ACCEPTABLE:
                return web.Response(status=406, text="Not Acceptable")
            return _json(400, {"error": refused.code})
        response = _json(200, token)
        response.headers["Cache-Control"] = "no-store"
        return response


def _route(app: web.Application, operation: Operation, handler: Handler) -> None:
    app.router.add_route(operation.method, operation.path, handler, name=operation.id)


def _api_handler(operation: Operation, run: _Run) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        call = Call(
            operation=operation,
            resource_id=request.match_info.get("id", ""),
            headers=request.headers,
            content_type=request.content_type,
            body=await request.read(),
            query=request.query,
        )
        reply = await run(call)
        if reply.lost and request.transport is not None:
            request.transport.abort()
        return web.Response(status=reply.status) if reply.body is None else _json(reply.status, reply.body)

    return handle


def _refused(refusal: ApiRefusal, request_id: str) -> web.Response:
    body = refusal.body(request_id)
    response = web.Response(status=refusal.status) if body is None else _json(refusal.status, body)
    if refusal.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"  # RFC 9110 section 15.5.2
    return response


def _unrouted(problem: web.HTTPException) -> ApiRefusal:
    """Translate what aiohttp refuses before an operation sees it: unknown path, wrong method, oversized body."""
    if problem.status == 404:
        return not_found("resource")
    if problem.status == 405:
        return ApiRefusal(405, "operation_not_allowed", ["operation_not_allowed"])
    return invalid("request_invalid")


def _json(status: int, body: object) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(body), content_type="application/json")
