"""How a session changes: each function is one event of the state machine, and `tick` is the passing of time.

There are no timers: code that reads a session calls `tick` first, which applies every change that is due by now.
"""

from __future__ import annotations

import math

from checkout_async.sandbox.sessions.authentication import (
    AuthenticationResult,
    Device,
    abandoned_challenge,
    authentication_response,
    challenge_result,
)
from checkout_async.sandbox.sessions.session import Session
from checkout_async.sandbox.sessions.status import SessionStatus

PENDING_LIFETIME = 30 * 60
"""Seconds until a session without channel data is `expired`."""
CHALLENGE_LIFETIME = 15 * 60
"""Seconds until an unfinished challenge is `challenge_abandoned`."""
PROCESSING_LIFETIME = 10
"""Seconds after which a slow scheme answers, whether the session is polled or not."""

_LIFETIMES = {
    SessionStatus.PENDING: PENDING_LIFETIME,
    SessionStatus.PROCESSING: PROCESSING_LIFETIME,
    SessionStatus.CHALLENGED: CHALLENGE_LIFETIME,
}


def due(session: Session) -> float:
    """Return when time alone will end the current status; infinity for never."""
    return session.changed_at + _LIFETIMES.get(session.status, math.inf)


def tick(session: Session, now: float) -> None:
    """Apply all changes that are due by `now`."""
    while (instant := due(session)) <= now:
        if session.status is SessionStatus.PENDING:
            _set_status(session, SessionStatus.EXPIRED, instant)
        elif session.status is SessionStatus.PROCESSING:
            _apply_scheme_answer(session, instant)
        else:
            abandon_challenge(session, instant, timed_out=True)


def supply_channel_data(session: Session, device: Device, completion: str | None, now: float) -> None:
    """Accept channel data, perhaps with the result of the 3DS Method, and authenticate."""
    session.device = device
    session.method_completion = completion or session.method_completion or "U"
    authenticate(session, now)


def supply_channel_data_early(session: Session, device: Device, completion: str | None, now: float) -> None:
    """Accept channel data of the session request, and authenticate unless the 3DS Method comes first."""
    session.device = device
    session.method_completion = completion
    if not (session.request.hosted or session.awaits_method):
        authenticate(session, now)


def report_method(session: Session, completion: str, now: float) -> None:
    """Accept the result of the 3DS Method, and authenticate unless channel data are missing."""
    session.method_completion = completion
    if session.device is not None and not session.request.hosted:
        authenticate(session, now)


def authenticate(session: Session, now: float) -> None:
    """Send the authentication request; a slow scheme leaves the session `processing`."""
    if session.polls_left:
        _set_status(session, SessionStatus.PROCESSING, now)
    else:
        _apply_scheme_answer(session, now)


def poll(session: Session, now: float) -> None:
    """Count a `get_session` call; a slow scheme answers after a number of them."""
    if session.status is not SessionStatus.PROCESSING:
        return
    if session.polls_left:
        session.polls_left -= 1
    else:
        _apply_scheme_answer(session, now)


def finish_processing(session: Session, now: float) -> None:
    """Make a slow scheme answer at once."""
    if session.status is SessionStatus.PROCESSING:
        _apply_scheme_answer(session, now)


def finish_challenge(session: Session, trans_status: str, now: float) -> None:
    """Complete the challenge with a transStatus."""
    _apply(session, challenge_result(session.request, trans_status), now)


def abandon_challenge(session: Session, now: float, *, timed_out: bool = False) -> None:
    """Abandon the challenge: the cardholder cancelled, or it timed out."""
    assert session.result is not None
    _apply(session, abandoned_challenge(session.result, timed_out=timed_out), now)


def _apply_scheme_answer(session: Session, now: float) -> None:
    assert session.device is not None
    _apply(session, authentication_response(session.request, session.device, now), now)


def _apply(session: Session, result: AuthenticationResult, now: float) -> None:
    session.result = result
    _set_status(session, result.status, now)


def _set_status(session: Session, status: SessionStatus, now: float) -> None:
    session.status = status
    session.changed_at = now
