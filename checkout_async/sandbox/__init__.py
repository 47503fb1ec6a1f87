"""A stateful simulator of the API: starts in this process or as a server, needs no account. See docs/sandbox.md.

It works on plain JSON and the bundled document, and imports nothing of the client, so a member that the SDK misnames
shows as a refused request. Folders, low to high; each imports those before it: `core`, `sessions`, `payments`, `pages`,
`http`.
"""

from __future__ import annotations

from checkout_async.sandbox.core.access import SECRET_KEY
from checkout_async.sandbox.core.clock import SandboxClock
from checkout_async.sandbox.core.request_log import RequestRecord
from checkout_async.sandbox.core.tokens import SandboxClient
from checkout_async.sandbox.core.webhooks import REPETITIONS, WEBHOOK_SECRET, WebhookRecord
from checkout_async.sandbox.http.faults import Answer, Cut, Ending, Fault, Faults, Point, Rewritten
from checkout_async.sandbox.http.server import Sandbox, serve
from checkout_async.sandbox.payments.actions import Action, Balances
from checkout_async.sandbox.payments.customer import Customer
from checkout_async.sandbox.payments.scenarios import (
    PAYMENT_SCENARIOS,
    PaymentScenario,
    payment_amount,
    payment_card,
)
from checkout_async.sandbox.payments.store import PaymentView
from checkout_async.sandbox.sessions.cardholder import CardholderError, ChallengeReturn
from checkout_async.sandbox.sessions.scenarios import SCENARIOS, SCHEMES, Scenario, amount, card_number
from checkout_async.sandbox.sessions.store import SessionView

__all__ = [
    "PAYMENT_SCENARIOS",
    "REPETITIONS",
    "SCENARIOS",
    "SCHEMES",
    "SECRET_KEY",
    "WEBHOOK_SECRET",
    "Action",
    "Answer",
    "Balances",
    "CardholderError",
    "ChallengeReturn",
    "Customer",
    "Cut",
    "Ending",
    "Fault",
    "Faults",
    "PaymentScenario",
    "PaymentView",
    "Point",
    "RequestRecord",
    "Rewritten",
    "Sandbox",
    "SandboxClient",
    "SandboxClock",
    "Scenario",
    "SessionView",
    "WebhookRecord",
    "amount",
    "card_number",
    "payment_amount",
    "payment_card",
    "serve",
]
