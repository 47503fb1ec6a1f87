"""One session: its request, its status, and the actions that it waits for. Only flow.py changes its status."""

from __future__ import annotations

from dataclasses import dataclass, field

from checkout_async.sandbox.core.ids import DeterministicIds
from checkout_async.sandbox.core.spec import check_enum
from checkout_async.sandbox.sessions.authentication import AuthenticationResult, Device
from checkout_async.sandbox.sessions.request import SessionRequest
from checkout_async.sandbox.sessions.status import FINAL, SessionStatus

_CHANNELS_OF = {
    "redirect_cardholder": frozenset({"browser"}),
    "collect_channel_data": frozenset({"browser", "app"}),
    "issuer_fingerprint": frozenset({"browser"}),
    "challenge_cardholder": frozenset({"browser", "app"}),
    "complete": frozenset({"browser", "app", "merchant_initiated"}),
}
"""Next action -> channels in which it is possible."""
check_enum("NextAction", _CHANNELS_OF)
check_enum("ChannelType", {channel for channels in _CHANNELS_OF.values() for channel in channels})


@dataclass(slots=True, eq=False)
class Session:
    """A session in the sandbox's memory."""

    ids: DeterministicIds = field(repr=False)
    request: SessionRequest = field(repr=False)
    created_at: float
    id: str = field(init=False)
    secret: str = field(init=False, repr=False)
    transaction_id: str = field(init=False)
    cryptogram: str = field(init=False, repr=False)
    """Proof of the authentication; replies show it once the authentication succeeded."""
    status: SessionStatus = SessionStatus.PENDING
    changed_at: float = field(init=False)
    """When it got its status."""
    device: Device | None = None
    method_completion: str | None = None
    """threeDSCompInd, as reported."""
    result: AuthenticationResult | None = None
    completed: bool = False
    busy: bool = False
    """A completion callback is in progress."""
    polls_left: int = field(init=False)
    failing_gets_left: int = field(init=False)
    updates: dict[str, bytes] = field(default_factory=dict[str, bytes], repr=False)
    """Operation -> digest of the update that it last accepted, to recognise a repetition."""

    def __post_init__(self) -> None:
        self.id = self.ids.identifier("sid", "id")
        self.secret = f"sek_{self.ids.base64(32, 'secret')}"
        self.transaction_id = self.ids.uuid("transaction")
        self.cryptogram = self.ids.base64(20, "cryptogram")
        self.changed_at = self.created_at
        self.polls_left = self.request.card.scenario.polls
        self.failing_gets_left = self.request.card.scenario.failing_gets

    @property
    def channel(self) -> str | None:
        """The cardholder's channel, once it is known."""
        return None if self.device is None else self.device.channel

    @property
    def has_method_url(self) -> bool:
        """Whether the issuer has a 3DS Method for this card and channel."""
        return self.request.card.scenario.method_url and self.channel in {None, "browser"}

    @property
    def awaits_method(self) -> bool:
        """Whether the 3DS Method may still be run and reported."""
        return self.has_method_url and self.method_completion is None

    def next_actions(self, channel: str | None = None) -> list[str]:
        """List the actions that the session waits for; those possible in `channel`, if it is given."""
        return [action for action in self._actions() if channel is None or channel in _CHANNELS_OF[action]]

    def _actions(self) -> list[str]:
        if self.status is SessionStatus.CHALLENGED:
            return ["challenge_cardholder"]
        if self.status in FINAL:
            return [] if self.completed or self.request.hosted else ["complete"]
        if self.status is not SessionStatus.PENDING:
            return []
        if self.request.hosted:
            return ["redirect_cardholder"]
        collect = ["collect_channel_data"] if self.device is None else []
        return collect + (["issuer_fingerprint"] if self.awaits_method else [])
