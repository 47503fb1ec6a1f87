"""The hosted page: collects browser data, runs the 3DS Method and the challenge, and returns to the shop.

Checkout.com keeps this page; here it is as much of it as a browser needs to get from `redirect_url` to `success_url` or
`failure_url`.
"""

from __future__ import annotations

from aiohttp import web

from checkout_async.sandbox.core.clock import SandboxClock
from checkout_async.sandbox.core.errors import ApiRefusal
from checkout_async.sandbox.core.notifier import is_web_address
from checkout_async.sandbox.core.payload import JsonObject, encoded, text
from checkout_async.sandbox.core.spec import ApiSpec
from checkout_async.sandbox.core.validation import check_body
from checkout_async.sandbox.pages import collect
from checkout_async.sandbox.pages.acs import HOSTED_RETURN_PATH
from checkout_async.sandbox.pages.forms import Fields, taking_fields
from checkout_async.sandbox.pages.method import NOTIFICATION_PATH
from checkout_async.sandbox.pages.page import form, forward, page, problem
from checkout_async.sandbox.sessions import flow
from checkout_async.sandbox.sessions.authentication import Device, read_device
from checkout_async.sandbox.sessions.blocks import creq
from checkout_async.sandbox.sessions.replies import CHALLENGE_PATH, METHOD_PATH, REDIRECT_PATH
from checkout_async.sandbox.sessions.session import Session
from checkout_async.sandbox.sessions.status import SUCCESSFUL, Event, Status, may
from checkout_async.sandbox.sessions.store import SessionStore

_METHOD_SECONDS = 10

# The notification comes as a browser event; without one in time the completion is N.
_SCRIPT = f"""
{collect.SCRIPT}
const done = completion => {{
  const data = document.getElementById('data');
  if (!data.completion.value) {{ data.completion.value = completion; data.submit(); }}
}};
const method = document.getElementById('method');
if (method) {{
  window.addEventListener('message', event => {{ if (event.data && event.data.threeDSServerTransID) done('Y'); }});
  setTimeout(() => done('N'), {_METHOD_SECONDS * 1000});
  method.submit();
}} else {{ done('U'); }}
"""


class HostedPages:
    """The pages of hosted sessions."""

    def __init__(self, spec: ApiSpec, store: SessionStore, clock: SandboxClock, base_url: str) -> None:
        self._spec = spec
        self._store = store
        self._clock = clock
        self._base_url = base_url

    def add_to(self, app: web.Application) -> None:
        """Register the paths."""
        app.router.add_get(REDIRECT_PATH, self._show)
        app.router.add_post(REDIRECT_PATH, taking_fields(self._collect))
        app.router.add_post(HOSTED_RETURN_PATH, self._returned)

    async def _show(self, request: web.Request) -> web.StreamResponse:
        session = self._find(request)
        if session is None:
            return _unknown()
        return self._collecting(session) if session.status is Status.PENDING else self._onward(session)

    async def _collect(self, request: web.Request, posted: Fields) -> web.StreamResponse:
        session = self._find(request)
        if session is None:
            return _unknown()
        if session.status is Status.PENDING:
            completion = posted.get("completion", "")
            try:
                device = self._device(collect.channel_data(request, posted, completion))
            except ApiRefusal as refusal:
                return problem(f"The page's data are not what a browser posts: {', '.join(refusal.error_codes)}.")
            flow.supply_channel_data(session, session.device or device, completion, self._clock.now())
        return self._onward(session)

    def _device(self, data: JsonObject) -> Device:
        """Read channel data that are held to the same schema as those of a merchant."""
        return read_device(check_body(self._spec, self._spec.operations["update_session"], data))

    async def _returned(self, request: web.Request) -> web.StreamResponse:
        session = self._find(request)
        return _unknown() if session is None else self._onward(session)

    def _find(self, request: web.Request) -> Session | None:
        session = self._store.find(request.match_info["id"])
        return session if session is not None and session.order.hosted else None

    def _collecting(self, session: Session) -> web.Response:
        here = REDIRECT_PATH.format(id=session.id)
        data = form(here, dict.fromkeys(("completion", *collect.FIELDS), ""), id_="data")
        method = ""
        if session.awaits_method:
            notification = self._base_url + NOTIFICATION_PATH
            message = encoded(
                {"threeDSServerTransID": session.transaction_id, "threeDSMethodNotificationURL": notification}
            )
            hidden = form(METHOD_PATH, {"threeDSMethodData": message}, id_="method", target="method_frame")
            method = f'<iframe name="method_frame" class="hidden" title="3DS Method"></iframe>{hidden}'
        return page("One moment", f"<p>Asking your bank …</p>{method}{data}", _SCRIPT)

    def _onward(self, session: Session) -> web.Response:
        """Lead the browser to the challenge, or back to the shop."""
        if may(Event.VISIT_HOSTED_PAGE, session.status):
            flow.finish_processing(session, self._clock.now())
        if session.status is Status.CHALLENGED:
            return forward(CHALLENGE_PATH, {"creq": creq(session)})
        name = "success_url" if session.status in SUCCESSFUL else "failure_url"
        url = text(session.order.urls, name) or ""
        if not is_web_address(url):
            return problem(f"{name} is not an http or https address.")
        return web.Response(status=303, headers={"Location": url})


def _unknown() -> web.Response:
    return problem("There is no hosted session at this address.", 404)
