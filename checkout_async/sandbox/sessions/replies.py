"""Session replies: which members a reply has, by the session's state, the operation and the caller's credential.

Every reply is a subset of one body; what 202 and fingerprint replies lack, and what a session secret does not show,
stands here as three sets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from checkout_async.sandbox.core.clock import timestamp
from checkout_async.sandbox.core.payload import JsonObject, present
from checkout_async.sandbox.core.spec import ApiSpec
from checkout_async.sandbox.sessions import blocks
from checkout_async.sandbox.sessions.authentication import device_members
from checkout_async.sandbox.sessions.session import Session
from checkout_async.sandbox.sessions.status import ENDED, SUCCESSFUL, Status

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
"""Next action that the API itself takes -> its operation."""
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
    """Who reads a session, and when."""

    now: float
    holds_token: bool = True
    channel: str | None = None
    """Restricts next actions."""


class Replies:
    """Writes sessions as the API does, with links to a given base URL."""

    def __init__(self, spec: ApiSpec, base_url: str) -> None:
        self._spec = spec
        self._base_url = base_url

    def accepted(self, session: Session, viewer: Viewer) -> JsonObject:
        """Write the body of a 202."""
        return _without(self.full(session, viewer), _NOT_IN_ACCEPTED)

    def fingerprinted(self, session: Session, viewer: Viewer) -> JsonObject:
        """Write the body of the reply to a reported 3DS Method."""
        body = _without(self.full(session, viewer), _NOT_IN_FINGERPRINT)
        return body | {"_links": _without(self._links(session, viewer), _LINKS_NOT_IN_FINGERPRINT)}

    def callback(self, session: Session, viewer: Viewer) -> JsonObject:
        """Write the body that is POSTed to the merchant when a session is completed."""
        body = self.full(session, viewer)
        return {"session_id": session.id} | {name: body[name] for name in _CALLBACK_MEMBERS if name in body}

    def full(self, session: Session, viewer: Viewer) -> JsonObject:
        """Write the body of 201 and of every 200 but the fingerprint's."""
        order = session.order
        body: dict[str, object | None] = {
            "id": session.id,
            "session_secret": session.secret,
            "transaction_id": session.transaction_id,
            "scheme": order.card.scheme,
            "amount": order.amount,
            "currency": order.currency,
            "completed": session.completed,
            "authentication_type": order.authentication_type,
            "authentication_category": order.authentication_category,
            "certificates": blocks.certificates(session),
            "status": session.status,
            "approved": session.status in SUCCESSFUL if session.status in ENDED else None,
            "protocol_version": blocks.PROTOCOL_VERSION,
            "transaction_type": order.transaction_type,
            "next_actions": session.next_actions(viewer.channel),
            "card": blocks.card(order),
            "authentication_date": timestamp(session.changed_at if session.outcome else session.created_at),
            "challenge_indicator": order.challenge_indicator,
            "optimization": blocks.optimization(order),
            "customer_ip": blocks.customer_ip(session),
            **order.echoed,
            **blocks.experience(session),
            **self._result(session, viewer.now),
            "_links": self._links(session, viewer),
        }
        return present(body if viewer.holds_token else _without(body, _FOR_TOKENS_ONLY))

    def _result(self, session: Session, now: float) -> dict[str, object | None]:
        """Write what the scheme and the issuer said."""
        outcome = session.outcome
        if outcome is None:
            return {}
        result: dict[str, object | None] = {
            "status_reason": outcome.status_reason,
            "challenged": outcome.challenged,
            "cardholder_info": blocks.cardholder_info(session),
        }
        if outcome.response_code is None:
            return result
        return result | {
            "response_code": outcome.response_code,
            "response_status_reason": outcome.reason,
            "flow_type": outcome.flow_type,
            "exemption": blocks.exemption(session.order),
            "scheme_info": blocks.scheme_info(session.order.card.scheme),
            "ds": blocks.ds(session),
            "acs": self._acs(session),
            "3ds": blocks.three_ds(session),
            **blocks.proof(session, now),
        }

    def _acs(self, session: Session) -> JsonObject | None:
        outcome, device = session.outcome, session.device
        if outcome is None or device is None or (outcome.faulty and not outcome.challenged):
            return None
        mint, challenge = session.mint, session.status is Status.CHALLENGED
        app = device.channel == "app"
        return present(
            {
                "reference_number": "SANDBOX-ACS-0001",
                "transaction_id": mint.uuid("acs"),
                "operator_id": "SANDBOX-OPERATOR",
                "url": self._base_url + CHALLENGE_PATH if challenge and not app else None,
                "signed_content": blocks.signed_content(session) if challenge and app else None,
                "challenge_mandated": outcome.challenged,
                "authentication_type": "02",
                "challenge_cancel_reason": outcome.cancel_reason,
                "challenge_cancel_reason_code": outcome.cancel_code,
                **device_members(device),
            }
        )

    def _links(self, session: Session, viewer: Viewer) -> JsonObject:
        actions = session.next_actions(viewer.channel)
        urls: dict[str, object | None] = {"self": self._operation_url("get_session", session)}
        for action, operation in _OPERATION_OF.items():
            if action in actions:
                urls[action] = self._operation_url(operation, session)
        if "issuer_fingerprint" in actions:
            urls["three_ds_method_url"] = self._base_url + METHOD_PATH
        if "redirect_cardholder" in actions:
            urls["redirect_url"] = self._base_url + REDIRECT_PATH.format(id=session.id)
        if "challenge_cardholder" in actions and session.channel == "browser":
            urls["acs_url"] = self._base_url + CHALLENGE_PATH
        merchant = ("success_url", "failure_url") if session.order.hosted else ("callback_url",)
        urls.update({name: session.order.urls.get(name) for name in merchant})
        return {name: {"href": url} for name, url in present(urls).items()}

    def _operation_url(self, operation_id: str, session: Session) -> str:
        return self._base_url + self._spec.path(operation_id, id=session.id)


def _without(body: Mapping[str, object], names: frozenset[str]) -> JsonObject:
    return {name: value for name, value in body.items() if name not in names}
