"""The scheme's side of a session: authentication response (ARes) and challenge result (RReq).

Pure functions from the card's scenario and the cardholder's device to an `AuthenticationResult`. transStatus,
transStatusReason and the electronic commerce indicators are those of EMV 3DS 2.2 and the schemes' programmes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from checkout_async.sandbox.core.payload import JsonObject, text, texts
from checkout_async.sandbox.core.spec import check_enum
from checkout_async.sandbox.sessions.request import SessionRequest
from checkout_async.sandbox.sessions.status import SessionStatus

STATUS_OF = {
    "Y": SessionStatus.APPROVED,
    "A": SessionStatus.ATTEMPTED,
    "N": SessionStatus.DECLINED,
    "R": SessionStatus.REJECTED,
    "U": SessionStatus.UNAVAILABLE,
    "C": SessionStatus.CHALLENGED,
}
"""Session status by transStatus."""
check_enum("ResponseCode", STATUS_OF)

_REASON_OF = {"N": "01", "R": "11", "U": "22"}
_CANCELLED, _TIMED_OUT = "cardholder_cancel", "challenge_timed_out"
_CANCEL_CODE_OF = {_CANCELLED: "01", _TIMED_OUT: "05"}
_JWE = re.compile(r"[\w-]+(\.[\w-]*){4}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Device:
    """The cardholder's device, as the channel data describe it."""

    channel: str
    ip_address: str | None = None
    usable: bool = True
    """False if an app's device data are not a JWE in compact form, so that no ACS can decrypt them."""
    html: bool = True
    """The app can show HTML challenges."""
    ui_template: str = "text"
    data: JsonObject = field(default_factory=dict[str, object], repr=False)
    """The channel data themselves; empty if a script plays the browser."""


@dataclass(frozen=True, slots=True)
class AuthenticationResult:
    """The latest answer of the scheme."""

    status: SessionStatus
    response_code: str | None
    """transStatus; None if no message reached the scheme."""
    reason: str | None = None
    status_reason: str = "ares_status"
    challenged: bool = False
    delegated: bool = False
    cancel_reason: str | None = None

    @property
    def has_error(self) -> bool:
        """Whether the scheme's message was invalid."""
        return self.status_reason.endswith("_error")

    @property
    def timed_out(self) -> bool:
        """Whether the challenge timed out."""
        return self.cancel_reason == _TIMED_OUT

    @property
    def cancel_code(self) -> str | None:
        """Challenge cancel indicator of EMV 3DS."""
        return None if self.cancel_reason is None else _CANCEL_CODE_OF[self.cancel_reason]

    @property
    def flow_type(self) -> str:
        """How the cardholder was authenticated."""
        if self.challenged:
            return "challenged"
        return "frictionless_delegated" if self.delegated else "frictionless"


def read_device(channel_data: JsonObject) -> Device:
    """Read channel data that passed their schema."""
    encrypted = text(channel_data, "sdk_encrypted_data")
    return Device(
        channel=text(channel_data, "channel") or "",
        ip_address=text(channel_data, "ip_address"),
        usable=encrypted is None or _JWE.fullmatch(encrypted) is not None,
        html=text(channel_data, "sdk_interface_type") != "native",
        ui_template=next(iter(texts(channel_data, "sdk_ui_elements")), "text"),
        data=channel_data,
    )


def authentication_response(request: SessionRequest, device: Device, now: float) -> AuthenticationResult:
    """Return the scheme's answer to an authentication request (ARes) at `now` on the sandbox's clock."""
    scenario = request.card.scenario
    if scenario.status_reason == "risk_declined":
        return AuthenticationResult(SessionStatus.DECLINED, None, status_reason="risk_declined")
    if not device.usable:
        return AuthenticationResult(SessionStatus.UNAVAILABLE, "U", "22")
    if _is_expired(request, now):
        return AuthenticationResult(SessionStatus.DECLINED, "N", "05")
    if _needs_challenge(request):
        # A merchant-initiated authentication has no cardholder to challenge (transStatusReason 23).
        no_cardholder = device.channel == "merchant_initiated"
        return (
            AuthenticationResult(SessionStatus.DECLINED, "N", "23")
            if no_cardholder
            else AuthenticationResult(SessionStatus.CHALLENGED, "C", challenged=True)
        )
    return AuthenticationResult(
        STATUS_OF[scenario.response_code],
        scenario.response_code,
        scenario.reason,
        status_reason=scenario.status_reason or "ares_status",
        delegated=scenario.delegated,
    )


def challenge_result(request: SessionRequest, trans_status: str) -> AuthenticationResult:
    """Return the result of a challenge that the cardholder completed with this transStatus."""
    scenario = request.card.scenario
    if scenario.status_reason == "rreq_error":
        return AuthenticationResult(SessionStatus.UNAVAILABLE, "U", "22", status_reason="rreq_error", challenged=True)
    reason = _REASON_OF.get(trans_status)
    return AuthenticationResult(
        STATUS_OF[trans_status], trans_status, reason, status_reason="rreq_status", challenged=True
    )


def abandoned_challenge(challenge: AuthenticationResult, *, timed_out: bool) -> AuthenticationResult:
    """Return the result of a challenge that was not completed: the cardholder cancelled, or it timed out."""
    return replace(
        challenge,
        status=SessionStatus.CHALLENGE_ABANDONED,
        response_code="U" if timed_out else "N",
        reason="14" if timed_out else "26",
        status_reason="rreq_status",
        cancel_reason=_TIMED_OUT if timed_out else _CANCELLED,
    )


def eci(scheme: str, response_code: str) -> str:
    """Return the electronic commerce indicator: fully authenticated, attempted, or neither."""
    values = ("02", "01", "00") if scheme == "mastercard" else ("05", "06", "07")
    return values[{"Y": 0, "A": 1}.get(response_code, 2)]


def _needs_challenge(request: SessionRequest) -> bool:
    is_mandated = request.challenge_indicator == "challenge_requested_mandate"
    return request.card.scenario.challenge or (is_mandated and request.card.scenario.response_code == "Y")


def _is_expired(request: SessionRequest, now: float) -> bool:
    today = datetime.fromtimestamp(now, UTC)
    return request.card.expiry is not None and request.card.expiry < (today.year, today.month)


def device_members(device: Device) -> JsonObject:
    """Write the members that the `acs` block has only for apps."""
    if device.channel != "app":
        return {}
    return {"interface": "html" if device.html else "native_ui", "ui_template": device.ui_template}
