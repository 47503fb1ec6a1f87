"""How a session moves: each function is one event of the state machine, and `tick` is the passing of time.

Time does not run on timers: whoever looks at a session calls `tick` first, which brings it to where it must be by now.
"""

from __future__ import annotations

import math

from checkout_async.sandbox.sessions.authentication import (
    Device,
    Outcome,
    abandoned,
    authentication_response,
    challenge_result,
)
from checkout_async.sandbox.sessions.session import Session
from checkout_async.sandbox.sessions.status import Status

PENDING_LIFETIME = 30 * 60
"""Seconds until a session that got no channel data is `expired`."""
CHALLENGE_LIFETIME = 15 * 60
"""Seconds until an unfinished challenge is `challenge_abandoned`."""
PROCESSING_LIFETIME = 10
"""Seconds after which a slow scheme answers, polled or not."""


_LIFETIMES = {
    Status.PENDING: PENDING_LIFETIME,
    Status.PROCESSING: PROCESSING_LIFETIME,
    Status.CHALLENGED: CHALLENGE_LIFETIME,
}


def due(session: Session) -> float:
    """Return when time alone ends the status the session is in; infinity for never."""
    return session.changed_at + _LIFETIMES.get(session.status, math.inf)


def tick(session: Session, now: float) -> None:
    """Let everything happen that time alone brings about."""
    while (instant := due(session)) <= now:
        if session.status is Status.PENDING:
            _move(session, Status.EXPIRED, instant)
        elif session.status is Status.PROCESSING:
            _answer(session, instant)
        else:
            abandon_challenge(session, instant, timed_out=True)


def supply_channel_data(session: Session, device: Device, completion: str | None, now: float) -> None:
    """Take channel data, perhaps with the result of the 3DS Method, and authenticate."""
    session.device = device
    session.method_completion = completion or session.method_completion or "U"
    authenticate(session, now)


def supply_channel_data_early(session: Session, device: Device, completion: str | None, now: float) -> None:
    """Take channel data that came with the session and authenticate, unless the 3DS Method comes first."""
    session.device = device
    session.method_completion = completion
    if not (session.order.hosted or session.awaits_method):
        authenticate(session, now)


def report_method(session: Session, completion: str, now: float) -> None:
    """Take the 3DS Method's result and authenticate, unless channel data are missing."""
    session.method_completion = completion
    if session.device is not None and not session.order.hosted:
        authenticate(session, now)


def authenticate(session: Session, now: float) -> None:
    """Send the authentication request; a slow scheme leaves the session `processing`."""
    if session.polls_left:
        _move(session, Status.PROCESSING, now)
    else:
        _answer(session, now)


def poll(session: Session, now: float) -> None:
    """Note that somebody asks how far a session is; a slow scheme answers after so many questions."""
    if session.status is not Status.PROCESSING:
        return
    if session.polls_left:
        session.polls_left -= 1
    else:
        _answer(session, now)


def finish_processing(session: Session, now: float) -> None:
    """Have a slow scheme answer at once."""
    if session.status is Status.PROCESSING:
        _answer(session, now)


def finish_challenge(session: Session, trans_status: str, now: float) -> None:
    """Bring the challenge to its end."""
    _settle(session, challenge_result(session.order, trans_status), now)


def abandon_challenge(session: Session, now: float, *, timed_out: bool = False) -> None:
    """Leave the challenge, or let its time run out."""
    assert session.outcome is not None
    _settle(session, abandoned(session.outcome, timed_out=timed_out), now)


def _answer(session: Session, now: float) -> None:
    assert session.device is not None
    _settle(session, authentication_response(session.order, session.device, now), now)


def _settle(session: Session, outcome: Outcome, now: float) -> None:
    session.outcome = outcome
    _move(session, outcome.status, now)


def _move(session: Session, status: Status, now: float) -> None:
    session.status = status
    session.changed_at = now
