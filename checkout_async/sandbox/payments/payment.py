"""One payment: what it was made from, its ledger, what it waits for. Changes are made by flow.py only."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from checkout_async.sandbox.core.ids import Mint
from checkout_async.sandbox.core.payload import JsonObject
from checkout_async.sandbox.payments.actions import OBLIGING, Action, ActionType
from checkout_async.sandbox.payments.ledger import Ledger
from checkout_async.sandbox.payments.order import PaymentOrder
from checkout_async.sandbox.payments.retries import RetryPlan


@dataclass(slots=True, eq=False)
class Payment:
    """A payment in the sandbox's memory."""

    mint: Mint = field(repr=False)
    order: PaymentOrder = field(repr=False)
    created_at: float
    id: str = field(init=False)
    session_id: str = field(init=False)
    """Names the visit of the redirect page; `get_payment` takes it in place of the payment's identifier."""
    ledger: Ledger = field(init=False)
    three_ds: JsonObject = field(default_factory=dict[str, object], repr=False)
    """The `3ds` block of replies, with everything that is known."""
    authentication_id: str | None = None
    redirected: bool = False
    """The customer was sent to a page."""
    returned_at: float | None = None
    """When the customer came back from it."""
    fallback_used: bool = False
    retry: RetryPlan | None = None
    deadline: float = math.inf
    """When waiting for the customer ends."""
    capture_at: float = math.inf
    settle_at: float = math.inf
    """When a payout arrives."""
    return_at: float = math.inf
    """When a payout comes back."""

    def __post_init__(self) -> None:
        self.id = self.mint.identifier("pay", "id")
        self.session_id = self.mint.identifier("sid", "visit")
        self.ledger = Ledger(
            scheme=self.order.instrument.scheme if self.order.instrument and not self.order.pays_out else None,
            new_id=lambda name: self.mint.identifier("act", name),
            estimated=self.order.estimated,
            answers=OBLIGING if self.order.pays_out else self.order.scenario.answers,
        )

    @property
    def decision(self) -> Action | None:
        """The last authorization, verification or payout, increments apart: it says whether the payment succeeded."""
        deciding = {ActionType.AUTHORIZATION, ActionType.CARD_VERIFICATION, ActionType.PAYOUT}
        actions = [action for action in self.ledger.actions if action.type in deciding]
        return next((action for action in reversed(actions) if action.authorization_type != "Incremental"), None)
