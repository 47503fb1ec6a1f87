"""A stateful simulator of the API: starts in this process or as a server, needs no account. See docs/sandbox.md.

It works on plain JSON and uses nothing else of the package, so that a field the SDK misnames shows as a refused
request. Modules, low to high; each imports earlier ones only:
payload, encoding, urls, clock, watch, mint, errors, spec, validation, scenarios, tokens, call, access, order, status,
exchange, session, flow, blocks, replies, events, ledger, notify, webhooks, operations, cardholder, payments.codes,
payments.status, payments.actions, payments.ledger, payments.scenarios, payments.instruments, payments.order,
payments.authentication, payments.retries, payments.payment, payments.flow, payments.blocks, payments.events,
payments.store, payments.replies, payments.query, payments.finding, payments.hold, payments.idempotency,
payments.operations, payments.customer, payments.simulator, control, browser.page, browser.messages, browser.posted,
browser.method, browser.countdown, browser.acs, browser.collect, browser.hosted, faults, app, connect, server.
"""

from __future__ import annotations

from checkout_async.sandbox.access import SECRET_KEY
from checkout_async.sandbox.cardholder import CardholderError, ChallengeReturn
from checkout_async.sandbox.clock import SandboxClock
from checkout_async.sandbox.faults import Answer, Cut, Ending, Fault, Faults, Point, Rewritten
from checkout_async.sandbox.ledger import RequestRecord, SessionView
from checkout_async.sandbox.payments.actions import Action, Balances
from checkout_async.sandbox.payments.customer import Customer
from checkout_async.sandbox.payments.scenarios import (
    PAYMENT_SCENARIOS,
    PaymentScenario,
    payment_amount,
    payment_card,
)
from checkout_async.sandbox.payments.store import PaymentView
from checkout_async.sandbox.scenarios import SCENARIOS, SCHEMES, Scenario, amount, card_number
from checkout_async.sandbox.server import Sandbox, serve
from checkout_async.sandbox.tokens import SandboxClient
from checkout_async.sandbox.webhooks import REPETITIONS, WEBHOOK_SECRET, WebhookRecord

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
