"""The scheme's side of a session, simulated: authentication response (ARes) and challenge result (RReq).

Pure functions from the card's scenario and the cardholder's device to an outcome. transStatus, transStatusReason and
the electronic commerce indicators are those of EMV 3DS 2.2 and the schemes' programmes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from checkout_async.sandbox.core.payload import JsonObject, text, texts
from checkout_async.sandbox.sessions.order import Order
from checkout_async.sandbox.sessions.status import Status

STATUS_OF = {
    "Y": Status.APPROVED,
    "A": Status.ATTEMPTED,
    "N": Status.DECLINED,
    "R": Status.REJECTED,
    "U": Status.UNAVAILABLE,
    "C": Status.CHALLENGED,
}
"""Session status by transStatus."""

_REASON_OF = {"N": "01", "R": "11", "U": "22"}
_CANCELLED, _TIMED_OUT = "cardholder_cancel", "challenge_timed_out"
_CANCEL_CODE_OF = {_CANCELLED: "01", _TIMED_OUT: "05"}
_JWE = re.compile(r"[\w-]+(\.[\w-]*){4}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Device:
    """What the channel data say about the cardholder's side."""

    channel: str
    ip_address: str | None = None
    usable: bool = True
    """False for app device data that are no JWE in compact form: no ACS can decrypt them."""
    html: bool = True
    """The app shows HTML challenges."""
    ui_template: str = "text"
    data: JsonObject = field(default_factory=dict[str, object], repr=False)
    """The channel data themselves; empty where a script stands in for a browser."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The scheme's last word so far."""

    status: Status
    response_code: str | None
    """transStatus; None if no message reached the scheme."""
    reason: str | None = None
    status_reason: str = "ares_status"
    challenged: bool = False
    delegated: bool = False
    cancel_reason: str | None = None

    @property
    def faulty(self) -> bool:
        """Whether the scheme's message was faulty."""
        return self.status_reason.endswith("_error")

    @property
    def timed_out(self) -> bool:
        """Whether the cardholder let the challenge's time run out."""
        return self.cancel_reason == _TIMED_OUT

    @property
    def cancel_code(self) -> str | None:
        """EMV challenge cancel indicator."""
        return None if self.cancel_reason is None else _CANCEL_CODE_OF[self.cancel_reason]

    @property
    def flow_type(self) -> str:
        """How the cardholder was authenticated."""
        if self.challenged:
            return "challenged"
        return "frictionless_delegated" if self.delegated else "frictionless"


def read_device(channel_data: JsonObject) -> Device:
    """Take the facts from channel data that passed their schema."""
    encrypted = text(channel_data, "sdk_encrypted_data")
    return Device(
        channel=text(channel_data, "channel") or "",
        ip_address=text(channel_data, "ip_address"),
        usable=encrypted is None or _JWE.fullmatch(encrypted) is not None,
        html=text(channel_data, "sdk_interface_type") != "native",
        ui_template=next(iter(texts(channel_data, "sdk_ui_elements")), "text"),
        data=channel_data,
    )


def authentication_response(order: Order, device: Device, now: float) -> Outcome:
    """Ask the scheme to authenticate: the ARes at an instant of the sandbox's clock."""
    scenario = order.card.scenario
    if scenario.status_reason == "risk_declined":
        return Outcome(Status.DECLINED, None, status_reason="risk_declined")
    if not device.usable:
        return Outcome(Status.UNAVAILABLE, "U", "22")
    if _expired(order, now):
        return Outcome(Status.DECLINED, "N", "05")
    if _wants_challenge(order):
        # A merchant-initiated authentication has no cardholder to challenge (transStatusReason 23).
        absent = device.channel == "merchant_initiated"
        return Outcome(Status.DECLINED, "N", "23") if absent else Outcome(Status.CHALLENGED, "C", challenged=True)
    return Outcome(
        STATUS_OF[scenario.response_code],
        scenario.response_code,
        scenario.reason,
        status_reason=scenario.status_reason or "ares_status",
        delegated=scenario.delegated,
    )


def challenge_result(order: Order, trans_status: str) -> Outcome:
    """Conclude a challenge that the cardholder brought to its end with this transStatus."""
    scenario = order.card.scenario
    if scenario.status_reason == "rreq_error":
        return Outcome(Status.UNAVAILABLE, "U", "22", status_reason="rreq_error", challenged=True)
    reason = _REASON_OF.get(trans_status)
    return Outcome(STATUS_OF[trans_status], trans_status, reason, status_reason="rreq_status", challenged=True)


def abandoned(challenge: Outcome, *, timed_out: bool) -> Outcome:
    """Conclude a challenge that was left open: the cardholder cancelled, or the time ran out."""
    return replace(
        challenge,
        status=Status.CHALLENGE_ABANDONED,
        response_code="U" if timed_out else "N",
        reason="14" if timed_out else "26",
        status_reason="rreq_status",
        cancel_reason=_TIMED_OUT if timed_out else _CANCELLED,
    )


def eci(scheme: str, response_code: str) -> str:
    """Give the electronic commerce indicator: fully authenticated, attempted, or neither."""
    values = ("02", "01", "00") if scheme == "mastercard" else ("05", "06", "07")
    return values[{"Y": 0, "A": 1}.get(response_code, 2)]


def _wants_challenge(order: Order) -> bool:
    mandated = order.challenge_indicator == "challenge_requested_mandate"
    return order.card.scenario.challenge or (mandated and order.card.scenario.response_code == "Y")


def _expired(order: Order, now: float) -> bool:
    today = datetime.fromtimestamp(now, UTC)
    return order.card.expiry is not None and order.card.expiry < (today.year, today.month)


def device_members(device: Device) -> JsonObject:
    """Write the members of the `acs` block that only app challenges have."""
    if device.channel != "app":
        return {}
    return {"interface": "html" if device.html else "native_ui", "ui_template": device.ui_template}
