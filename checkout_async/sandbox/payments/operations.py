"""The Payments operations: who may call, what a repeated key gives, what is refused, what happens, what is answered.

Each takes a `Call` and gives a `Reply` or raises an ApiRefusal; there is no HTTP here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from checkout_async.sandbox.core.access import Gate
from checkout_async.sandbox.core.call import Call, Reply
from checkout_async.sandbox.core.clock import SandboxClock
from checkout_async.sandbox.core.errors import bad_gateway, not_found, too_many_requests
from checkout_async.sandbox.core.ids import Mint
from checkout_async.sandbox.core.payload import JsonObject, array, integer, member, text
from checkout_async.sandbox.core.spec import ApiSpec
from checkout_async.sandbox.core.validation import check_headers, read_body
from checkout_async.sandbox.payments import flow, scenarios
from checkout_async.sandbox.payments.actions import Moment, Note, Outcome
from checkout_async.sandbox.payments.authentication import prior_proof
from checkout_async.sandbox.payments.hold import Holds
from checkout_async.sandbox.payments.idempotency import IdempotencyKeys
from checkout_async.sandbox.payments.instruments import Vault
from checkout_async.sandbox.payments.order import PaymentOrder, read_order
from checkout_async.sandbox.payments.payment import Payment
from checkout_async.sandbox.payments.queries import PaymentReading
from checkout_async.sandbox.payments.replies import PaymentReplies
from checkout_async.sandbox.payments.store import PaymentStore
from checkout_async.sandbox.sessions.store import SessionStore

Run = Callable[[Call], Awaitable[Reply]]


class PaymentOperations:
    """The operations over one store of payments; asynchronous ones take effect `delay` seconds later."""

    def __init__(
        self,
        spec: ApiSpec,
        gate: Gate,
        store: PaymentStore,
        sessions: SessionStore,
        vault: Vault,
        replies: PaymentReplies,
        reading: PaymentReading,
        holds: Holds,
        clock: SandboxClock,
        mint: Mint,
        *,
        delay: float,
    ) -> None:
        self._spec = spec
        self._gate = gate
        self._store = store
        self._sessions = sessions
        self._vault = vault
        self._replies = replies
        self._reading = reading
        self._holds = holds
        self._keys = IdempotencyKeys(clock)
        self._clock = clock
        self._mint = mint
        self._delay = delay
        self._gone_wrong: set[bytes] = set()

    def handlers(self) -> dict[str, Run]:
        """Return the operations by operationId, each behind credentials and idempotency keys."""
        reading = self._reading
        runs: dict[str, Run] = {
            "request_payment": self._request_payment,
            "increment_authorization": self._increment_authorization,
            "capture_payment": self._capture_payment,
            "void_payment": self._void_payment,
            "refund_payment": self._refund_payment,
            "reverse_payment": self._reverse_payment,
            "cancel_scheduled_retry": self._cancel_scheduled_retry,
            "get_payment": reading.get_payment,
            "get_payment_actions": reading.get_payment_actions,
            "list_payments": reading.list_payments,
            "search_payments": reading.search_payments,
        }
        return {operation_id: self._guarded(run) for operation_id, run in runs.items()}

    def next_page(self) -> Run:
        """Return the handler of the pages that a search links to."""
        return self._guarded(self._reading.next_page)

    def _guarded(self, run: Run) -> Run:
        async def handle(call: Call) -> Reply:
            self._gate.admit(call)
            check_headers(self._spec, call.operation, call.headers)
            with self._keys.claim(call) as claim:
                if claim.reply is not None:
                    return claim.reply
                await self._holds.wait(call.operation.id)
                reply = await run(call)
                claim.reply = replace(reply, lost=False)
                return reply

        return handle

    async def _request_payment(self, call: Call) -> Reply:
        """Take a payment or a payout: 201 if it was decided, 202 if it waits or money goes out."""
        body, now = self._body(call), self._clock.now()
        order = read_order(body, self._vault, now)
        self._fail_once(order, call)
        card = None if order.pays_out else order.instrument
        proof = None if card is None else prior_proof(order, card, self._sessions, now)
        payment = Payment(self._mint.child("payment", call.body), order, now)
        flow.begin(payment, proof, now, self._delay)
        self._store.add(payment)
        decision = payment.decision
        if decision is None or order.pays_out:
            return Reply(202, self._replies.pending(payment, now))
        lost = order.scenario.reply_lost and self._is_first(call)
        return Reply(201, self._replies.processed(payment, decision, now), lost=lost)

    async def _increment_authorization(self, call: Call) -> Reply:
        payment, body = self._open(call)
        amount, now = integer(body, "amount") or 0, self._clock.now()
        code = scenarios.for_amount(amount).response_code
        action = payment.ledger.increment(amount, code, Moment(now, now, _note(body)))
        return Reply(201, self._replies.incremented(payment, action, now))

    async def _capture_payment(self, call: Call) -> Reply:
        payment, body = self._open(call)
        final = text(body, "capture_type") != "NonFinal"
        return self._answer(payment, payment.ledger.capture(integer(body, "amount"), self._moment(body), final=final))

    async def _void_payment(self, call: Call) -> Reply:
        payment, body = self._open(call)
        return self._answer(payment, payment.ledger.void(self._moment(body)))

    async def _refund_payment(self, call: Call) -> Reply:
        payment, body = self._open(call)
        capture_id = text(body, "capture_action_id")
        return self._answer(payment, payment.ledger.refund(integer(body, "amount"), self._moment(body), capture_id))

    async def _reverse_payment(self, call: Call) -> Reply:
        payment, body = self._open(call)
        outcome = payment.ledger.reverse(self._moment(body))
        return self._answer(payment, outcome, action_type=outcome.action.type)

    async def _cancel_scheduled_retry(self, call: Call) -> Reply:
        payment, body = self._open(call)
        return self._answer(payment, payment.ledger.cancel_retry(self._moment(body)))

    def _answer(self, payment: Payment, outcome: Outcome, **more: object) -> Reply:
        if outcome.before:
            return Reply(200, self._replies.done_before(payment, outcome.action))
        return Reply(202, self._replies.accepted(payment, outcome.action, **more))

    def _open(self, call: Call) -> tuple[Payment, JsonObject]:
        """Find the payment a call is about and read the call's body; raises 404 or 422."""
        payment = self._store.find(call.resource_id)
        if payment is None:
            raise not_found("payment")
        return payment, self._body(call)

    def _body(self, call: Call) -> JsonObject:
        return read_body(self._spec, call.operation, call.body, call.content_type)

    def _moment(self, body: JsonObject) -> Moment:
        now = self._clock.now()
        return Moment(now, now + self._delay, _note(body))

    def _fail_once(self, order: PaymentOrder, call: Call) -> None:
        """Refuse the first of equal requests where the test data say so."""
        failing = order.scenario.failing
        if failing is not None and self._is_first(call):
            raise bad_gateway() if failing == 502 else too_many_requests()

    def _is_first(self, call: Call) -> bool:
        """Tell whether this is the first of equal requests that go wrong once."""
        if call.digest in self._gone_wrong:
            return False
        self._gone_wrong.add(call.digest)
        return True


def _note(body: JsonObject) -> Note:
    """Take what a merchant wrote on an action."""
    return Note(text(body, "reference"), member(body, "metadata") or None, tuple(array(body, "amount_allocations")))
