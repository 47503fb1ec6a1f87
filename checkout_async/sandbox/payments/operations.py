"""The Payments operations: each checks the credential, the idempotency key and the request, then changes the payment.

Each takes an `ApiCall` and returns an `ApiReply` or raises an ApiRefusal; there is no HTTP here.
"""

from __future__ import annotations

from dataclasses import replace

from checkout_async.sandbox.core.calls import ApiCall, ApiReply, OperationHandler
from checkout_async.sandbox.core.errors import bad_gateway, payment_not_found, too_many_requests
from checkout_async.sandbox.core.payload import JsonObject, array, integer, member, text
from checkout_async.sandbox.core.simulation import Simulation
from checkout_async.sandbox.payments import flow, scenarios
from checkout_async.sandbox.payments.actions import ActionResult, EffectiveTime, Note
from checkout_async.sandbox.payments.authentication import prior_proof
from checkout_async.sandbox.payments.blocks import Links
from checkout_async.sandbox.payments.idempotency import IdempotencyKeys, OperationHolds
from checkout_async.sandbox.payments.instruments import Vault
from checkout_async.sandbox.payments.payment import Payment
from checkout_async.sandbox.payments.queries import PaymentQueries
from checkout_async.sandbox.payments.replies import PaymentReplies
from checkout_async.sandbox.payments.request import PaymentRequest, parse_request
from checkout_async.sandbox.payments.store import PaymentStore
from checkout_async.sandbox.sessions.card_tokens import CardTokens
from checkout_async.sandbox.sessions.store import SessionStore


class PaymentOperations:
    """The operations over one store of payments; asynchronous ones take effect after the payment delay."""

    def __init__(
        self,
        simulation: Simulation,
        store: PaymentStore,
        sessions: SessionStore,
        vault: Vault,
        holds: OperationHolds,
        card_tokens: CardTokens,
    ) -> None:
        self._reader = simulation.reader
        self._access = simulation.access
        self._clock = simulation.clock
        self._ids = simulation.ids
        self._delay = simulation.payment_delay
        self._store = store
        self._sessions = sessions
        self._vault = vault
        self._holds = holds
        self._card_tokens = card_tokens
        links = Links(simulation)
        self._replies = PaymentReplies(links, vault)
        self._queries = PaymentQueries(simulation, store, self._replies, links)
        self._keys = IdempotencyKeys(simulation.clock, refuse_mismatch=simulation.refuse_reused_keys)
        self._failed_digests: set[bytes] = set()

    def handlers(self) -> dict[str, OperationHandler]:
        """Return the operations by operationId, each behind the check of the credential and the idempotency key."""
        queries = self._queries
        handlers: dict[str, OperationHandler] = {
            "request_payment": self._request_payment,
            "increment_authorization": self._increment_authorization,
            "capture_payment": self._capture_payment,
            "void_payment": self._void_payment,
            "refund_payment": self._refund_payment,
            "reverse_payment": self._reverse_payment,
            "cancel_scheduled_retry": self._cancel_scheduled_retry,
            "get_payment": queries.get_payment,
            "get_payment_actions": queries.get_payment_actions,
            "list_payments": queries.list_payments,
            "search_payments": queries.search_payments,
        }
        return {operation_id: self._guard(handler) for operation_id, handler in handlers.items()}

    def next_page(self) -> OperationHandler:
        """Return the handler of the further pages of a search."""
        return self._guard(self._queries.next_page)

    def _guard(self, handler: OperationHandler) -> OperationHandler:
        async def handle(call: ApiCall) -> ApiReply:
            self._access.authorize(call)
            self._reader.headers(call)
            with self._keys.reserve(call) as reservation:
                if reservation.reply is not None:
                    return reservation.reply
                await self._holds.wait(call.operation.id)
                reply = await handler(call)
                reservation.reply = replace(reply, lost=False)
                return reply

        return handle

    async def _request_payment(self, call: ApiCall) -> ApiReply:
        """Accept a payment or a payout: 201 if it was approved or declined, 202 if it waits or pays out."""
        body, now = self._body(call), self._clock.now()
        request = parse_request(self._card_tokens.resolve(body, api=call.operation.api), self._vault, now)
        self._fail_once(request, call)
        card = None if request.is_payout else request.instrument
        proof = None if card is None else prior_proof(request, card, self._sessions, now)
        payment = Payment(self._ids.fork("payment", call.body), request, now)
        flow.begin(payment, proof, now, self._delay)
        self._store.add(payment)
        self._card_tokens.mark_used(body)
        decision = payment.decision
        if decision is None or request.is_payout:
            return ApiReply(202, self._replies.pending(payment, now))
        lost = request.scenario.reply_lost and self._is_first(call)
        return ApiReply(201, self._replies.processed(payment, decision, now), lost=lost)

    async def _increment_authorization(self, call: ApiCall) -> ApiReply:
        payment, body = self._open(call)
        amount, now = integer(body, "amount") or 0, self._clock.now()
        code = scenarios.for_amount(amount).response_code
        action = payment.ledger.increment(amount, code, EffectiveTime(now, now, _note(body)))
        return ApiReply(201, self._replies.incremented(payment, action, now))

    async def _capture_payment(self, call: ApiCall) -> ApiReply:
        payment, body = self._open(call)
        final = text(body, "capture_type") != "NonFinal"
        return self._answer(
            payment, payment.ledger.capture(integer(body, "amount"), self._effective_time(body), final=final)
        )

    async def _void_payment(self, call: ApiCall) -> ApiReply:
        payment, body = self._open(call)
        return self._answer(payment, payment.ledger.void(self._effective_time(body)))

    async def _refund_payment(self, call: ApiCall) -> ApiReply:
        payment, body = self._open(call)
        capture_id = text(body, "capture_action_id")
        return self._answer(
            payment, payment.ledger.refund(integer(body, "amount"), self._effective_time(body), capture_id)
        )

    async def _reverse_payment(self, call: ApiCall) -> ApiReply:
        payment, body = self._open(call)
        result = payment.ledger.reverse(self._effective_time(body))
        return self._answer(payment, result, action_type=result.action.type)

    async def _cancel_scheduled_retry(self, call: ApiCall) -> ApiReply:
        payment, body = self._open(call)
        return self._answer(payment, payment.ledger.cancel_retry(self._effective_time(body)))

    def _answer(self, payment: Payment, result: ActionResult, **more: object) -> ApiReply:
        if result.already_done:
            return ApiReply(200, self._replies.already_done(payment, result.action))
        return ApiReply(202, self._replies.accepted(payment, result.action, **more))

    def _open(self, call: ApiCall) -> tuple[Payment, JsonObject]:
        """Find the payment of a call and read the body; raises 404 or 422."""
        payment = self._store.find(call.resource_id)
        if payment is None:
            raise payment_not_found()
        return payment, self._body(call)

    def _body(self, call: ApiCall) -> JsonObject:
        return self._reader.body(call)

    def _effective_time(self, body: JsonObject) -> EffectiveTime:
        now = self._clock.now()
        return EffectiveTime(now, now + self._delay, _note(body), by_hand=True)

    def _fail_once(self, request: PaymentRequest, call: ApiCall) -> None:
        """Refuse the first of equal requests if the test data say so."""
        failing = request.scenario.failing
        if failing is not None and self._is_first(call):
            raise bad_gateway() if failing == 502 else too_many_requests()

    def _is_first(self, call: ApiCall) -> bool:
        """Return whether this is the first of equal requests, and remember it."""
        if call.digest in self._failed_digests:
            return False
        self._failed_digests.add(call.digest)
        return True


def _note(body: JsonObject) -> Note:
    """Read what the merchant attached to an action."""
    return Note(text(body, "reference"), member(body, "metadata") or None, tuple(array(body, "amount_allocations")))
