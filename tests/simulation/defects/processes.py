"""Planted defects that concern whole processes: lost keys, locks, results files, closed clients, 3D Secure."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import msgspec

import checkout_async.batch.journal.database as database
from checkout_async import errors, threeds
from checkout_async.batch import Outcome
from checkout_async.batch.formats import CsvDialect, Format
from checkout_async.batch.results import OutputFile, rows
from checkout_async.lifetime import Lifetime
from checkout_async.models import payments
from checkout_async.operations import sessions as operations
from checkout_async.threeds import Driver, ThreeDSResult
from checkout_async.transport.pipeline import Pipeline
from tests.simulation.defects.plant import always, defect, replaced


@defect()
def abandoned_call_not_recorded() -> Generator[None]:
    """A call whose cancellation nobody sees is not in the record of abandoned calls."""
    with replaced(Pipeline, "_abandon", always(None)):
        yield


@defect()
def timeout_of_a_call_ignored() -> Generator[None]:
    """The deadline of each call is that of the client."""

    def remaining(self: Any, call: Any) -> float:
        started = call.deadline - call.timeouts.total
        return float(started + self._settings.timeouts.total - self._settings.clock.monotonic())

    with replaced(Pipeline, "_remaining", remaining):
        yield


@defect()
def closed_client_still_sends() -> Generator[None]:
    """A call with a closed client is sent."""
    with replaced(Lifetime, "check", always(None)):
        yield


@defect()
def journal_not_locked() -> Generator[None]:
    """Two runs can have one journal open at once."""

    class Unlocked(database._Database):
        def execute(self, sql: str, *parameters: Any) -> Any:
            return super().execute("SELECT 1" if "locking_mode" in sql else sql, *parameters)

    with replaced(database, "_Database", Unlocked):
        yield


@defect()
def results_only_appended() -> Generator[None]:
    """The results file has what the runs appended to it, and is never written anew from the journal."""

    async def nothing(*_args: object, **_named: object) -> None:
        pass

    with replaced(OutputFile, "_write_anew", nothing):
        yield


@defect()
def browser_believed() -> Generator[None]:
    """What the browser says of a challenge is the verdict."""
    genuine = Driver.advance

    async def advance(self: Driver, event: threeds.Event | None = None) -> Any:
        if getattr(event, "trans_status", None) == "Y":
            return threeds.Done(ThreeDSResult(verdict=threeds.Verdict.AUTHENTICATED, session=self.session))
        return await genuine(self, event)

    with replaced(Driver, "advance", advance):
        yield


@defect()
def session_not_read_after_the_time() -> Generator[None]:
    """A challenge whose end the shop did not hear of is abandoned, whatever its session says."""
    genuine = Driver.advance

    async def advance(self: Driver, event: threeds.Event | None = None) -> Any:
        if isinstance(event, threeds.TimedOut) and self.progress.challenge_started_at is not None:
            return threeds.Done(ThreeDSResult(verdict=threeds.Verdict.ABANDONED, session=self.session))
        return await genuine(self, event)

    with replaced(Driver, "advance", advance):
        yield


@defect()
def payment_without_its_session() -> Generator[None]:
    """The payment that follows an authentication does not name it."""
    with replaced(ThreeDSResult, "three_ds", always(payments.ThreeDsRequest(enabled=True))):
        yield


@defect()
def failed_completion_loses_the_result() -> Generator[None]:
    """The result of an authentication is lost if the session cannot be completed."""

    async def complete(self: Any, step: Any) -> None:
        await operations.complete_session(self._sender, self.session.id)
        self._flow = self._flow.apply_reply(step)

    with replaced(Driver, "_complete", complete):
        yield


@defect()
def closed_client_cannot_be_told_from_an_outage() -> Generator[None]:
    """A call with a closed client ends as if the API could not be reached, so that it looks worth another try."""
    genuine = Lifetime.check

    def check_open(self: Lifetime) -> None:
        try:
            genuine(self)
        except errors.ClientClosed:
            message = "the client is closed; nothing was sent"
        else:
            return
        raise errors.ConnectFailed(message)

    with replaced(Lifetime, "check", check_open):
        yield


@defect()
def output_without_sessions() -> Generator[None]:
    """The output does not name the sessions that the journal has."""
    genuine = rows.encode

    def encode(outcome: Outcome, format_: Format, dialect: CsvDialect) -> bytes:
        return genuine(msgspec.structs.replace(outcome, session_id=None), format_, dialect)

    with replaced(rows, "encode", encode):
        yield
