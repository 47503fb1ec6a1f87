"""A browser without scripts: reads a page's forms, submits one of them, and sees what the page would announce."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any, Self
from urllib.parse import urljoin

import aiohttp

from tests.sandbox.support import Api


@dataclass
class Form:
    """A form of a page and its fields."""

    action: str
    id: str
    fields: dict[str, str] = field(default_factory=dict[str, str])
    buttons: dict[str, str] = field(default_factory=dict[str, str])
    """Value of the field `how` by the button that sends it."""


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.elements.append((tag, attributes))
        if tag == "form":
            self.forms.append(Form(attributes["action"] or "", attributes.get("id") or ""))
        elif tag == "input" and attributes.get("type") == "hidden":
            self.forms[-1].fields[attributes["name"] or ""] = attributes["value"] or ""
        elif tag == "button" and attributes.get("name") == "how":
            value = attributes["value"] or ""
            self.forms[-1].buttons[value] = value


@dataclass(frozen=True)
class Page:
    """A page as it came."""

    url: str
    status: int
    html: str
    policy: str
    location: str | None
    forms: list[Form]
    elements: list[tuple[str, dict[str, str | None]]]

    def form(self, id_: str) -> Form:
        return next(form for form in self.forms if form.id == id_)

    def button(self, how: str) -> Form:
        """The form that a button sends."""
        form = next(form for form in self.forms if how in form.buttons)
        return Form(form.action, form.id, {**form.fields, "how": how})

    @property
    def announced(self) -> dict[str, Any]:
        """The data of the browser event that the page posts."""
        match = re.search(r"postMessage\((\{.*\}), '\*'\)", self.html)
        assert match is not None, self.html
        found: dict[str, Any] = json.loads(match[1])
        return found


CHALLENGED = "https://shop.example/challenged"
"""Where a challenged browser is sent back to."""
SEEN = {
    "java_enabled": "false",
    "javascript_enabled": "true",
    "language": "en-GB",
    "color_depth": "24",
    "screen_height": "1080",
    "screen_width": "1920",
    "timezone": "-60",
}
"""What the hosted page's script fills in."""


class Browser:
    """Visits pages; follows no redirect."""

    def __init__(self, base_url: str) -> None:
        self._base = base_url
        self._http = aiohttp.ClientSession()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()

    async def get(self, url: str) -> Page:
        return await self._visit("GET", url, None)

    async def post(self, url: str, fields: dict[str, str]) -> Page:
        return await self._visit("POST", url, fields)

    async def submit(self, form: Form, **fields: str) -> Page:
        return await self.post(form.action, {**form.fields, **fields})

    async def collected(self, page: Page, completion: str = "Y", **changes: str) -> Page:
        """Post what the hosted page's script collects."""
        return await self.submit(page.form("data"), **SEEN | {"completion": completion} | changes)

    async def send(self, url: str, body: bytes, content_type: str) -> Page:
        """Post a body as it is."""
        return await self._visit("POST", url, body, {"Content-Type": content_type})

    async def _visit(
        self, method: str, url: str, body: dict[str, str] | bytes | None, headers: dict[str, str] | None = None
    ) -> Page:
        address = urljoin(self._base, url)
        async with self._http.request(method, address, data=body, headers=headers, allow_redirects=False) as reply:
            html = await reply.text()
            reader = _Reader()
            reader.feed(html)
            return Page(
                url=address,
                status=reply.status,
                html=html,
                policy=reply.headers.get("Content-Security-Policy", ""),
                location=reply.headers.get("Location"),
                forms=reader.forms,
                elements=reader.elements,
            )


async def challenged(api: Api, scenario: str = "challenge", url: str | None = CHALLENGED) -> dict[str, Any]:
    """A session that waits for its challenge."""
    completion = {"type": "non_hosted"} | ({"challenge_notification_url": url} if url else {})
    return (await api.finished(scenario, completion=completion)).body


async def begun(browser: Browser, session: dict[str, Any], **fields: str) -> Page:
    """The first page of a session's challenge."""
    creq = session["3ds"]["challenge_request"]
    return await browser.post(session["_links"]["acs_url"]["href"], {"creq": creq, **fields})
