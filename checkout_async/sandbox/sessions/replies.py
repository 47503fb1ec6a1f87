"""Session replies: which members a reply has, by the session's state, the operation and the caller's credential.

Every reply is a subset of one body. Three sets name the members that are missing from a 202, from the reply to a
reported 3DS Method, and from a reply to a caller with a session secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from checkout_async.sandbox.core.clock import timestamp
from checkout_async.sandbox.core.payload import JsonObject, drop_none
from checkout_async.sandbox.core.simulation import Simulation
from checkout_async.sandbox.sessions import blocks
from checkout_async.sandbox.sessions.authentication import device_members
from checkout_async.sandbox.sessions.session import Session
from checkout_async.sandbox.sessions.status import ENDED, SUCCESSFUL, SessionStatus

REDIRECT_PATH = "/_sandbox/interceptor/{id}"
METHOD_PATH = "/_sandbox/acs/3ds-method"
CHALLENGE_PATH = "/_sandbox/acs/challenge"

_NOT_IN_ACCEPTED = frozenset(
    [
        "challenged",
        "status_reason",
        "approved",
        "acs",
        "response_code",
        "response_status_reason",
        "cryptogram",
        "eci",
        "xid",
        "cardholder_info",
        "customer_ip",
        "exemption",
        "flow_type",
        "scheme_info",
        "3ds",
    ]
)
_NOT_IN_FINGERPRINT = frozenset(
    [
        "certificates",
        "cardholder_info",
        "recurring",
        "installment",
        "customer_ip",
        "authentication_date",
        "exemption",
        "flow_type",
        "challenge_indicator",
        "optimization",
        "scheme_info",
    ]
)
_FOR_TOKENS_ONLY = frozenset({"session_secret", "certificates", "cryptogram", "eci", "xid"})
_LINKS_NOT_IN_FINGERPRINT = frozenset({"acs_url", "success_url", "failure_url", "callback_url"})
_OPERATION_OF = {
    "issuer_fingerprint": "update_three_ds_method_completion",
    "collect_channel_data": "update_session",
    "complete": "complete_session",
}
"""Next action that is a call of the API -> its operation."""
_CALLBACK_MEMBERS = [
    "amount",
    "currency",
    "status",
    "authentication_type",
    "authentication_category",
    "reference",
    "approved",
    "protocol_version",
    "response_code",
    "response_status_reason",
    "cryptogram",
    "eci",
    "xid",
    "cardholder_info",
    "challenged",
]


@dataclass(frozen=True, slots=True)
class Viewer:
    """The caller's view of a session: the time and what the credential and the header allow to be shown."""

    now: float
    has_token: bool = True
    channel: str | None = None
    """Channel of the request header; restricts the next actions."""


class SessionReplies:
    """Writes sessions as the API does."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def accepted(self, session: Session, viewer: Viewer) -> JsonObject:
        """Write the body of a 202."""
        return _without(self.full(session, viewer), _NOT_IN_ACCEPTED)

    def method_reported(self, session: Session, viewer: Viewer) -> JsonObject:
        """Write the body of the reply to a reported 3DS Method."""
        body = _without(self.full(session, viewer), _NOT_IN_FINGERPRINT)
        return body | {"_links": _without(self._links(session, viewer), _LINKS_NOT_IN_FINGERPRINT)}

    def callback(self, session: Session, viewer: Viewer) -> JsonObject:
        """Write the body of the completion callback that is POSTed to the merchant."""
        body = self.full(session, viewer)
        return {"session_id": session.id} | {name: body[name] for name in _CALLBACK_MEMBERS if name in body}

    def full(self, session: Session, viewer: Viewer) -> JsonObject:
        """Write the body of 201 and of every 200 except the reply to a reported 3DS Method."""
        request = session.request
        body: dict[str, object | None] = {
            "id": session.id,
            "session_secret": session.secret,
            "transaction_id": session.transaction_id,
            "scheme": request.card.scheme,
            "amount": request.amount,
            "currency": request.currency,
            "completed": session.completed,
            "authentication_type": request.authentication_type,
            "authentication_category": request.authentication_category,
            "certificates": blocks.certificates(session),
            "status": session.status,
            "approved": session.status in SUCCESSFUL if session.status in ENDED else None,
            "protocol_version": blocks.PROTOCOL_VERSION,
            "transaction_type": request.transaction_type,
            "next_actions": session.next_actions(viewer.channel),
            "card": blocks.card(request),
            "authentication_date": timestamp(session.changed_at if session.result else session.created_at),
            "challenge_indicator": request.challenge_indicator,
            "optimization": blocks.optimization(request),
            "customer_ip": blocks.customer_ip(session),
            **request.echoed,
            **blocks.experience(session),
            **self._result(session, viewer.now),
            "_links": self._links(session, viewer),
        }
        return drop_none(body if viewer.has_token else _without(body, _FOR_TOKENS_ONLY))

    def _result(self, session: Session, now: float) -> dict[str, object | None]:
        """Write the result of the scheme and the issuer."""
        result = session.result
        if result is None:
            return {}
        members: dict[str, object | None] = {
            "status_reason": result.status_reason,
            "challenged": result.challenged,
            "cardholder_info": blocks.cardholder_info(session),
        }
        if result.response_code is None:
            return members
        return members | {
            "response_code": result.response_code,
            "response_status_reason": result.reason,
            "flow_type": result.flow_type,
            "exemption": blocks.exemption(session.request),
            "scheme_info": blocks.scheme_info(session.request.card.scheme),
            "ds": blocks.ds(session),
            "acs": self._acs(session),
            "3ds": blocks.three_ds(session),
            **blocks.proof(session, now),
        }

    def _acs(self, session: Session) -> JsonObject | None:
        result, device = session.result, session.device
        if result is None or device is None or (result.has_error and not result.challenged):
            return None
        ids, challenge = session.ids, session.status is SessionStatus.CHALLENGED
        app = device.channel == "app"
        return drop_none(
            {
                "reference_number": "SANDBOX-ACS-0001",
                "transaction_id": ids.uuid("acs"),
                "operator_id": "SANDBOX-OPERATOR",
                "url": self._simulation.url(CHALLENGE_PATH) if challenge and not app else None,
                "signed_content": blocks.signed_content(session) if challenge and app else None,
                "challenge_mandated": result.challenged,
                "authentication_type": "02",
                "challenge_cancel_reason": result.cancel_reason,
                "challenge_cancel_reason_code": result.cancel_code,
                **device_members(device),
            }
        )

    def _links(self, session: Session, viewer: Viewer) -> JsonObject:
        actions = session.next_actions(viewer.channel)
        urls: dict[str, object | None] = {"self": self._simulation.operation_url("get_session", session.id)}
        for action, operation in _OPERATION_OF.items():
            if action in actions:
                urls[action] = self._simulation.operation_url(operation, session.id)
        if "issuer_fingerprint" in actions:
            urls["three_ds_method_url"] = self._simulation.url(METHOD_PATH)
        if "redirect_cardholder" in actions:
            urls["redirect_url"] = self._simulation.url(REDIRECT_PATH.format(id=session.id))
        if "challenge_cardholder" in actions and session.channel == "browser":
            urls["acs_url"] = self._simulation.url(CHALLENGE_PATH)
        merchant = ("success_url", "failure_url") if session.request.hosted else ("callback_url",)
        urls.update({name: session.request.urls.get(name) for name in merchant})
        return {name: {"href": url} for name, url in drop_none(urls).items()}


def _without(body: Mapping[str, object], names: frozenset[str]) -> JsonObject:
    return {name: value for name, value in body.items() if name not in names}
