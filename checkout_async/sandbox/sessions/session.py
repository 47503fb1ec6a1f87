"""One session: what it was made from, where it stands, what it waits for. Changes are made by flow.py only."""

from __future__ import annotations

from dataclasses import dataclass, field

from checkout_async.sandbox.core.ids import Mint
from checkout_async.sandbox.sessions.authentication import Device, Outcome
from checkout_async.sandbox.sessions.order import Order
from checkout_async.sandbox.sessions.status import FINAL, Status

_CHANNELS_OF = {
    "redirect_cardholder": frozenset({"browser"}),
    "collect_channel_data": frozenset({"browser", "app"}),
    "issuer_fingerprint": frozenset({"browser"}),
    "challenge_cardholder": frozenset({"browser", "app"}),
    "complete": frozenset({"browser", "app", "merchant_initiated"}),
}
"""Next action -> channels that can take it."""


@dataclass(slots=True, eq=False)
class Session:
    """A session in the sandbox's memory."""

    mint: Mint = field(repr=False)
    order: Order = field(repr=False)
    created_at: float
    id: str = field(init=False)
    secret: str = field(init=False, repr=False)
    transaction_id: str = field(init=False)
    cryptogram: str = field(init=False, repr=False)
    """Proof of the authentication, shown once there is one."""
    status: Status = Status.PENDING
    changed_at: float = field(init=False)
    """When it came into its status."""
    device: Device | None = None
    method_completion: str | None = None
    """threeDSCompInd, as reported."""
    outcome: Outcome | None = None
    completed: bool = False
    busy: bool = False
    """A completion callback is under way."""
    polls_left: int = field(init=False)
    failing_gets_left: int = field(init=False)
    updates: dict[str, bytes] = field(default_factory=dict[str, bytes], repr=False)
    """Operation -> the update it last accepted, to recognise a repetition."""

    def __post_init__(self) -> None:
        self.id = self.mint.identifier("sid", "id")
        self.secret = f"sek_{self.mint.base64(32, 'secret')}"
        self.transaction_id = self.mint.uuid("transaction")
        self.cryptogram = self.mint.base64(20, "cryptogram")
        self.changed_at = self.created_at
        self.polls_left = self.order.card.scenario.polls
        self.failing_gets_left = self.order.card.scenario.failing_gets

    @property
    def channel(self) -> str | None:
        """The cardholder's channel, once it is known."""
        return None if self.device is None else self.device.channel

    @property
    def has_method_url(self) -> bool:
        """Whether the issuer has a 3DS Method for this card and channel."""
        return self.order.card.scenario.method_url and self.channel in {None, "browser"}

    @property
    def awaits_method(self) -> bool:
        """Whether the 3DS Method may still be run and reported."""
        return self.has_method_url and self.method_completion is None

    def next_actions(self, channel: str | None = None) -> list[str]:
        """List what the session waits for, restricted to what a channel can do."""
        return [action for action in self._actions() if channel is None or channel in _CHANNELS_OF[action]]

    def _actions(self) -> list[str]:
        if self.status is Status.CHALLENGED:
            return ["challenge_cardholder"]
        if self.status in FINAL:
            return [] if self.completed or self.order.hosted else ["complete"]
        if self.status is not Status.PENDING:
            return []
        if self.order.hosted:
            return ["redirect_cardholder"]
        collect = ["collect_channel_data"] if self.device is None else []
        return collect + (["issuer_fingerprint"] if self.awaits_method else [])
