"""Sessions as the API returns them, and a parser for the HTML that the package makes."""

from __future__ import annotations

from html.parser import HTMLParser

import msgspec
import pytest

from checkout_async import threeds
from checkout_async.models import sessions

SID = "sid_" + "a" * 26
TRANSACTION = "9aea641d-0549-4222-9ca9-d90b43a4f38c"
ACS_TRANSACTION = "d990b286-f75b-4347-9371-c66132cd7c21"
METHOD_URL = "https://issuer.example/method"
ACS_URL = "https://issuer.example/challenge"
NOTIFY = "https://shop.example/3ds/method"

_session = msgspec.json.Decoder(sessions.Session)


def session(status: str = "pending", *actions: str, **members: object) -> sessions.Session:
    """Return a session in this status with these next actions."""
    links: dict[str, object] = {"self": {"href": "https://api.example/sessions/1"}}
    if "issuer_fingerprint" in actions:
        links["three_ds_method_url"] = {"href": METHOD_URL}
    if "redirect_cardholder" in actions:
        links["redirect_url"] = {"href": "https://checkout.example/interceptor"}
    body: dict[str, object] = {
        "id": SID,
        "transaction_id": TRANSACTION,
        "protocol_version": "2.2.0",
        "status": status,
        "next_actions": actions,
        "_links": links,
    }
    if status == "challenged":
        body["acs"] = {"transaction_id": ACS_TRANSACTION, "url": ACS_URL}
    return _session.decode(msgspec.json.encode(body | members))


def skip_waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Make new drivers skip their waits. Return a list to which each skipped wait is added, in seconds."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    defaults = threeds.Driver.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "sleep", sleep)
    return slept


class Html(HTMLParser):
    """The elements of a document, in order, with their attributes; and its texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of each element of a kind."""
        return [attributes for name, attributes in self.elements if name == tag]

    def only(self, tag: str) -> dict[str, str | None]:
        """The attributes of the one element of a kind."""
        (attributes,) = self.all(tag)
        return attributes

    @property
    def fields(self) -> dict[str | None, str | None]:
        """Names and values of the form's fields."""
        return {field["name"]: field["value"] for field in self.all("input")}
