"""Where a scenario plays: a browser, the shop, the simulator. At the end nothing secret may be in the browser."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Browser

from checkout_async.sandbox import SandboxClient, SessionView
from checkout_async.sandbox.core.tokens import DEFAULT_CLIENTS
from examples.shop.demo import Running
from tests.browser.visitor import Evidence, Visitor, visiting


@dataclass(frozen=True)
class Stage:
    """One scenario's surroundings."""

    browser: Browser
    shop: Running
    log: Path

    @asynccontextmanager
    async def cardholder(self) -> AsyncGenerator[Visitor]:
        """Let a cardholder visit the shop; afterwards look through all that the browser has seen."""
        async with visiting(self.browser, self.shop.address, self.log) as (visitor, evidence):
            yield visitor
            assert await visitor.storage() == {"cookie": ""}
        assert evidence.console == [], evidence.console
        assert evidence.holds("A very good teapot"), "the network log lacks the pages, so it proves nothing"
        self.require_discretion(evidence)

    def require_discretion(self, evidence: Evidence) -> None:
        """Fail for each secret that the browser got to see."""
        leaked = [name for name, secret in self.secrets().items() if evidence.holds(secret)]
        assert leaked == [], f"in the browser: {leaked}"

    def secrets(self) -> dict[str, str]:
        """What belongs on the server, by name: credentials, and of each session its secret and its proof."""
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
        """The simulator's session that a result page is about."""
        return self.shop.sandbox.sessions[shown["Session"]]

    def reported(self, shown: dict[str, str]) -> str | None:
        """The 3DS Method completion that the shop sent with the channel data."""
        session = self.shop.sandbox._sessions.store.find(shown["Session"])
        assert session is not None
        return session.method_completion
