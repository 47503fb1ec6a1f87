"""The stage of a scenario: a browser, the shop, the simulator. No secret may have reached the browser at the end."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Browser

from checkout_async.sandbox import SandboxClient, SessionView
from checkout_async.sandbox.core.tokens import DEFAULT_CLIENTS
from examples.shop.demo import RunningShop
from tests.browser.visitor import Evidence, Visitor, visiting


@dataclass(frozen=True)
class Stage:
    """The browser, the shop and the network log of one scenario."""

    browser: Browser
    shop: RunningShop
    log: Path

    @asynccontextmanager
    async def cardholder(self) -> AsyncGenerator[Visitor]:
        """Let a cardholder visit the shop, then search everything that the browser saw."""
        async with visiting(self.browser, self.shop.address, self.log) as (visitor, evidence):
            yield visitor
            assert await visitor.storage() == {"cookie": ""}
        assert evidence.console == [], evidence.console
        assert evidence.contains("A very good teapot"), "the network log lacks the pages, so it proves nothing"
        self.require_no_secrets(evidence)

    def require_no_secrets(self, evidence: Evidence) -> None:
        """Fail if the browser saw a secret."""
        leaked = [name for name, secret in self.secrets().items() if evidence.contains(secret)]
        assert leaked == [], f"in the browser: {leaked}"

    def secrets(self) -> dict[str, str]:
        """Return what must stay on the server, by name: credentials, and the secret and proof of each session."""
        client: SandboxClient = DEFAULT_CLIENTS[0]
        tokens = list(self.shop.sandbox._simulation.tokens._grants)
        assert tokens, "the shop got no access token, so there is nothing to look for"
        found = {"client secret": client.client_secret}
        found |= {f"access token {number}": token for number, token in enumerate(tokens)}
        for id_ in self.shop.sandbox._sessions.store.identifiers():
            session = self.shop.sandbox._sessions.store.find(id_)
            assert session is not None
            found |= {f"session secret of {id_}": session.secret, f"cryptogram of {id_}": session.cryptogram}
        return found

    def session(self, shown: dict[str, str]) -> SessionView:
        """Return the simulator's session that a result page shows."""
        return self.shop.sandbox.sessions[shown["Session"]]

    def reported(self, shown: dict[str, str]) -> str | None:
        """Return the 3DS Method completion that the shop sent with the channel data."""
        session = self.shop.sandbox._sessions.store.find(shown["Session"])
        assert session is not None
        return session.method_completion
