"""A stateful simulator of the API: starts in this process or as a server, needs no account. See docs/sandbox.md.

It works on plain JSON and uses nothing else of the package, so that a field the SDK misnames shows as a refused
request. Modules, low to high; each imports earlier ones only:
payload, clock, mint, errors, spec, validation, scenarios, tokens, order, status, exchange, session, flow, blocks,
replies, ledger, notify, operations, cardholder, control, app, connect, server.
"""

from __future__ import annotations

from checkout_async.sandbox.cardholder import CardholderError, ChallengeReturn
from checkout_async.sandbox.clock import SandboxClock
from checkout_async.sandbox.ledger import RequestRecord, SessionView
from checkout_async.sandbox.scenarios import SCENARIOS, SCHEMES, Scenario, amount, card_number
from checkout_async.sandbox.server import Sandbox, serve
from checkout_async.sandbox.tokens import SandboxClient

__all__ = [
    "SCENARIOS",
    "SCHEMES",
    "CardholderError",
    "ChallengeReturn",
    "RequestRecord",
    "Sandbox",
    "SandboxClient",
    "SandboxClock",
    "Scenario",
    "SessionView",
    "amount",
    "card_number",
    "serve",
]
