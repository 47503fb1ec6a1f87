"""A stateful simulator of the API that needs no account; it runs in this process or as a server. See docs/sandbox.md.

It works on plain JSON and the bundled document and imports nothing of the client, so that a member that the SDK
misnames shows as a refused request. Its folders, from low to high, are `core`, `sessions`, `payments`, `pages` and
`http`; each may import only those before it.
"""

from __future__ import annotations

from checkout_async.sandbox.core.calls import SECRET_KEY
from checkout_async.sandbox.core.clock import SandboxClock
from checkout_async.sandbox.core.tokens import SandboxClient
from checkout_async.sandbox.core.webhooks import WEBHOOK_RETRY_DELAYS, WEBHOOK_SECRET, WebhookRecord
from checkout_async.sandbox.http.app import RequestRecord
from checkout_async.sandbox.http.faults import (
    CannedResponse,
    ConnectionEnd,
    Fault,
    Faults,
    Interruption,
    RewrittenBody,
    Stage,
)
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
    "SCENARIOS",
    "SCHEMES",
    "SECRET_KEY",
    "WEBHOOK_RETRY_DELAYS",
    "WEBHOOK_SECRET",
    "Action",
    "Balances",
    "CannedResponse",
    "CardholderError",
    "ChallengeReturn",
    "ConnectionEnd",
    "Customer",
    "Fault",
    "Faults",
    "Interruption",
    "PaymentScenario",
    "PaymentView",
    "RequestRecord",
    "RewrittenBody",
    "Sandbox",
    "SandboxClient",
    "SandboxClock",
    "Scenario",
    "SessionView",
    "Stage",
    "WebhookRecord",
    "amount",
    "card_number",
    "payment_amount",
    "payment_card",
    "serve",
]
