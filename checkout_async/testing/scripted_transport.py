"""A transport for unit tests: the client does all of its work, and a script stands in for the network."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias
from urllib.parse import urlsplit

import msgspec

from checkout_async._core.wire import HttpRequest, HttpResponse
from checkout_async._generated.facts import REQUEST_ID_HEADER
from checkout_async._generated.operations.access import REQUEST_ACCESS_TOKEN
from checkout_async.config import Timeouts

__all__ = ["ScriptedReply", "ScriptedTransport", "json_reply"]

ScriptedReply: TypeAlias = HttpResponse | BaseException | Callable[[HttpRequest], HttpResponse]
"""A response, an exception to raise, or a function from the request to a response."""

_REQUEST_ID: Final = "00000000-0000-0000-0000-000000000000"
_TOKEN: Final = {"access_token": "scripted", "token_type": "Bearer", "expires_in": 3600}


def json_reply(status: int, body: object = None, *, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """Return a response for a script: `body` is written as JSON, None as an empty body."""
    content = b"" if body is None else msgspec.json.encode(body)
    own = {"content-type": "application/json", REQUEST_ID_HEADER.lower(): _REQUEST_ID}
    given = {name.lower(): value for name, value in (headers or {}).items()}
    return HttpResponse(status=status, headers=own | given, body=content)


class ScriptedTransport:
    """Answers the requests of a client with the replies of a script, in order, and records them in `requests`.

        transport = ScriptedTransport(json_reply(503), json_reply(200, {"id": "pay_1"}))
        checkout = CheckoutClient(credentials, base_url="http://127.0.0.1:9", transport=transport)

    A reply is an HttpResponse (`json_reply` makes one), an exception to raise (`errors.ConnectFailed`,
    `errors.OutcomeUnknown`), or a function from the request to a response. Token requests get a token and are not part
    of the script. A request after the last reply raises AssertionError.
    """

    def __init__(self, *replies: ScriptedReply) -> None:
        self.requests: list[HttpRequest] = []
        """The requests so far, oldest first, without those for an access token."""
        self._script = deque(replies)

    @property
    def unused(self) -> int:
        """How many replies of the script were not used yet."""
        return len(self._script)

    async def send(self, request: HttpRequest, _timeouts: Timeouts) -> HttpResponse:
        """Return the next reply of the script, or raise it."""
        if urlsplit(request.url).path.endswith(REQUEST_ACCESS_TOKEN.path):
            return json_reply(200, _TOKEN)
        self.requests.append(request)
        if not self._script:
            path = urlsplit(request.url).path
            raise AssertionError(f"the script has no reply for {request.method} {path}, request {len(self.requests)}")
        reply = self._script.popleft()
        if isinstance(reply, BaseException):
            raise reply
        return reply if isinstance(reply, HttpResponse) else reply(request)

    async def aclose(self) -> None:
        """Do nothing: there is no connection to close."""
