"""The send-once rule as a table: what a run does with a record, by what the journal knows of it.

A record is sent at most once without a person's word, and has one outcome. The table is literal, and SQL only stores.
A record is recognised by its reference or, without one, by its content (fingerprint.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

__all__ = ["RULES", "Reason", "Rule", "State", "Step", "rule_for"]


class State(Enum):
    """What the journal knows of a record."""

    NEW = "the journal does not know it"
    SUSPECT = "the journal does not know it, but knows a record in doubt that was on its line"
    REPEATED = "it appeared before in this run"
    NOT_CREATED = "no session was created: it was not sent, or was refused for a reason that may pass"
    REFUSED = "the API refused this request as invalid"
    IN_DOUBT = "it may have been sent, and no session is known"
    OPEN = "its session is known, and its outcome is not"
    GONE = "its session is known, and the API did not find it when it was last read"
    FINISHED = "its outcome is final"


class Step(Enum):
    """What a run does with a record."""

    SEND = "send it; from now on the journal says that it may have been sent"
    READ = "read its session with get_session, and continue from there"
    REPLAY = "report the outcome in the journal"
    HOLD = "send nothing, and report the outcome `unknown`: a person has to look it up"
    REFUSE = "send nothing, and report the outcome `invalid`"


class Reason(Enum):
    """Why a record is held or refused. The value is the text of the outcome's error; `{line}` is the other line."""

    IN_DOUBT = (
        "an earlier run ended while this record was being sent; look it up by its reference; "
        "--retry-unknown sends it again"
    )
    CHANGED_IN_DOUBT = (
        "this record was changed, and its earlier request may have arrived: look it up by its reference; undo the "
        "change to continue with it, or send the changed record with another reference"
    )
    REPLACED_IN_DOUBT = (
        "another record was in doubt on this line, and may be this one before it was changed: look it up; "
        "--retry-unknown sends this one"
    )
    REPEATED = "the same reference as line {line}; give each record its own"
    REPEATED_WITHOUT_REFERENCE = (
        "the same request as line {line}, without a reference; give each record its own reference"
    )
    REFERENCE_USED = "reference was used for another request in this journal"


@dataclass(frozen=True, slots=True)
class Rule:
    """A row: a record in this state, changed or not, asks for this step. None matches both values of a fact.

    `is_changed`: the record has the same reference as the known one, and another content. `retries`: a person has asked
    to send records in doubt again (`retry_unknown`).
    """

    state: State
    is_changed: bool | None
    retries: bool | None
    step: Step
    reason: Reason | None = None


RULES: Final = (
    Rule(State.NEW, None, None, Step.SEND),
    # A changed record without a reference looks like a new one. Only its line shows that it may be the one in doubt.
    Rule(State.SUSPECT, None, False, Step.HOLD, Reason.REPLACED_IN_DOUBT),
    Rule(State.SUSPECT, None, True, Step.SEND),
    # Before everything else that the journal knows: the first of two equal records is the one that is processed.
    Rule(State.REPEATED, None, None, Step.REFUSE, Reason.REPEATED),
    # Nothing exists that could become a second session.
    Rule(State.NOT_CREATED, None, None, Step.SEND),
    # The same request would be refused again; a corrected one has never been sent.
    Rule(State.REFUSED, False, None, Step.REPLAY),
    Rule(State.REFUSED, True, None, Step.SEND),
    # The request may have created a session. Only a person can find out, by the reference, and say so.
    Rule(State.IN_DOUBT, False, False, Step.HOLD, Reason.IN_DOUBT),
    Rule(State.IN_DOUBT, False, True, Step.SEND),
    # A person's word is about the request in doubt, and not about the one that has taken its place.
    Rule(State.IN_DOUBT, True, None, Step.HOLD, Reason.CHANGED_IN_DOUBT),
    # The session exists: to read it cannot create a second one.
    Rule(State.OPEN, False, None, Step.READ),
    Rule(State.OPEN, True, None, Step.HOLD, Reason.CHANGED_IN_DOUBT),
    # A session may be readable again later. A person may know that it is not.
    Rule(State.GONE, False, False, Step.READ),
    Rule(State.GONE, False, True, Step.SEND),
    Rule(State.GONE, True, None, Step.HOLD, Reason.CHANGED_IN_DOUBT),
    Rule(State.FINISHED, False, None, Step.REPLAY),
    # A final outcome belongs to the request that it was made for.
    Rule(State.FINISHED, True, None, Step.REFUSE, Reason.REFERENCE_USED),
)
"""Exactly one row matches each combination of a state and the two facts."""


def rule_for(state: State, *, is_changed: bool, retries: bool) -> Rule:
    """Return the row of the table for a record."""
    return next(
        rule
        for rule in RULES
        if rule.state is state and rule.is_changed in {None, is_changed} and rule.retries in {None, retries}
    )
