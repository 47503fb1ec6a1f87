"""The hosted page: collects browser data, runs the 3DS Method and the challenge, and returns to the shop.

Checkout.com runs this page; here it is as much of it as a browser needs to get from `redirect_url` to `success_url` or
`failure_url`. Lengths and meaning of browser data are those of EMV 3DS 2.2: long headers are cut, and a colour depth of
30 counts as the next lower one.
"""

from __future__ import annotations

from aiohttp import web

from checkout_async.sandbox.core.errors import ApiRefusal
from checkout_async.sandbox.core.notifier import is_web_address
from checkout_async.sandbox.core.payload import JsonObject, base64url_json, drop_none, text
from checkout_async.sandbox.core.simulation import Simulation
from checkout_async.sandbox.pages.acs import HOSTED_RETURN_PATH, METHOD_NOTIFICATION_PATH
from checkout_async.sandbox.pages.forms import FormFields, with_form
from checkout_async.sandbox.pages.html import autosubmit_page, error_page, form, html_page
from checkout_async.sandbox.sessions import flow
from checkout_async.sandbox.sessions.authentication import Device, read_device
from checkout_async.sandbox.sessions.blocks import creq
from checkout_async.sandbox.sessions.replies import CHALLENGE_PATH, METHOD_PATH, REDIRECT_PATH
from checkout_async.sandbox.sessions.session import Session
from checkout_async.sandbox.sessions.status import SUCCESSFUL, SessionEvent, SessionStatus, is_allowed
from checkout_async.sandbox.sessions.store import SessionStore

_TEXTS = ("language", "color_depth", "screen_height", "screen_width", "timezone")
_FLAGS = ("java_enabled", "javascript_enabled")
_FIELDS = (*_FLAGS, *_TEXTS)
"""Names of the form fields that the script fills."""
_MAX_HEADER_LENGTH = 2048
_BOOLEANS: dict[str, object] = {"true": True, "false": False}

_COLLECT_SCRIPT = """
const seen = {
  java_enabled: typeof navigator.javaEnabled === 'function' && navigator.javaEnabled(),
  javascript_enabled: true,
  language: navigator.language.length > 12 ? navigator.language.split('-')[0] : navigator.language,
  color_depth: [48, 32, 24, 16, 15, 8, 4, 1].find(depth => depth <= screen.colorDepth),
  screen_height: screen.height,
  screen_width: screen.width,
  timezone: new Date().getTimezoneOffset(),
};
for (const [name, value] of Object.entries(seen)) document.getElementById('data').elements[name].value = value;
"""
_METHOD_SECONDS = 10

# The notification comes as a browser event; without one in time the completion is N.
_SCRIPT = f"""
{_COLLECT_SCRIPT}
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

    def __init__(self, simulation: Simulation, store: SessionStore) -> None:
        self._simulation = simulation
        self._clock = simulation.clock
        self._store = store

    def register(self, app: web.Application) -> None:
        """Register the paths."""
        app.router.add_get(REDIRECT_PATH, self._show)
        app.router.add_post(REDIRECT_PATH, with_form(self._collect))
        app.router.add_post(HOSTED_RETURN_PATH, self._return)

    async def _show(self, request: web.Request) -> web.StreamResponse:
        session = self._find(request)
        if session is None:
            return _not_found_page()
        return self._collect_page(session) if session.status is SessionStatus.PENDING else self._continue(session)

    async def _collect(self, request: web.Request, fields: FormFields) -> web.StreamResponse:
        session = self._find(request)
        if session is None:
            return _not_found_page()
        if session.status is SessionStatus.PENDING:
            completion = fields.get("completion", "")
            try:
                device = self._device(_channel_data(request, fields, completion))
            except ApiRefusal as refusal:
                return error_page(f"The page's data are not what a browser posts: {', '.join(refusal.error_codes)}.")
            flow.supply_channel_data(session, session.device or device, completion, self._clock.now())
        return self._continue(session)

    def _device(self, data: JsonObject) -> Device:
        """Read channel data, which must pass the same schema as those of a merchant."""
        operation = self._simulation.spec.operations["update_session"]
        return read_device(self._simulation.reader.decoded_body(operation, data))

    async def _return(self, request: web.Request) -> web.StreamResponse:
        session = self._find(request)
        return _not_found_page() if session is None else self._continue(session)

    def _find(self, request: web.Request) -> Session | None:
        session = self._store.find(request.match_info["id"])
        return session if session is not None and session.request.hosted else None

    def _collect_page(self, session: Session) -> web.Response:
        here = REDIRECT_PATH.format(id=session.id)
        data = form(here, dict.fromkeys(("completion", *_FIELDS), ""), id_="data")
        method = ""
        if session.awaits_method:
            notification = self._simulation.url(METHOD_NOTIFICATION_PATH)
            message = base64url_json(
                {"threeDSServerTransID": session.transaction_id, "threeDSMethodNotificationURL": notification}
            )
            hidden = form(METHOD_PATH, {"threeDSMethodData": message}, id_="method", target="method_frame")
            method = f'<iframe name="method_frame" class="hidden" title="3DS Method"></iframe>{hidden}'
        return html_page("One moment", f"<p>Asking your bank …</p>{method}{data}", _SCRIPT)

    def _continue(self, session: Session) -> web.Response:
        """Send the browser to the challenge, or back to the shop."""
        if is_allowed(SessionEvent.VISIT_HOSTED_PAGE, session.status):
            flow.finish_processing(session, self._clock.now())
        if session.status is SessionStatus.CHALLENGED:
            return autosubmit_page(CHALLENGE_PATH, {"creq": creq(session)})
        name = "success_url" if session.status in SUCCESSFUL else "failure_url"
        url = text(session.request.urls, name) or ""
        if not is_web_address(url):
            return error_page(f"{name} is not an http or https address.")
        return web.Response(status=303, headers={"Location": url})


def _not_found_page() -> web.Response:
    return error_page("There is no hosted session at this address.", 404)


def _channel_data(request: web.Request, fields: FormFields, completion: str) -> JsonObject:
    """Write channel data, not yet validated, from the posted fields and the request's headers and address."""
    data: dict[str, object | None] = {
        "channel": "browser",
        # A request without the header accepts anything (RFC 9110 section 12.5.1).
        "accept_header": _header(request, "Accept") or "*/*",
        "user_agent": _header(request, "User-Agent"),
        "user_agent_client_hint": _header(request, "Sec-CH-UA"),
        "ip_address": request.remote,
        "three_ds_method_completion": completion,
    }
    data |= {name: fields.get(name) for name in _TEXTS}
    data |= {name: _BOOLEANS.get(fields.get(name, ""), fields.get(name)) for name in _FLAGS}
    return drop_none(data)


def _header(request: web.Request, name: str) -> str | None:
    """Return a header, with bytes that are not UTF-8 replaced."""
    value = request.headers.get(name)
    return None if value is None else value.encode("utf-8", "replace").decode()[:_MAX_HEADER_LENGTH]
