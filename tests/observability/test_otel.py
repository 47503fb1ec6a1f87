"""OpenTelemetryHook: spans and metrics by the semantic conventions, complete however a call ends."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from typing import Any

import anyio
import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricsData
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from checkout_async import errors
from checkout_async.models import payments
from checkout_async.observability import (
    AttemptEnded,
    AttemptStarted,
    CallEnded,
    CallStarted,
    OpenTelemetryHook,
    RetryScheduled,
    Waited,
    WaitReason,
)
from checkout_async.observability.semconv import BUCKETS
from checkout_async.sandbox import CannedResponse, Sandbox, payment_card
from tests.observability.support import REQUEST_ID, call, one_exchange


class Telemetry:
    """A hook and what it exported."""

    def __init__(self) -> None:
        self._spans = InMemorySpanExporter()
        self._metrics = InMemoryMetricReader()
        self.tracers = TracerProvider(shutdown_on_exit=False)
        self.tracers.add_span_processor(SimpleSpanProcessor(self._spans))
        meters = MeterProvider([self._metrics], shutdown_on_exit=False)
        self.hook = OpenTelemetryHook(self.tracers, meters)

    def spans(self) -> list[ReadableSpan]:
        """The spans that ended, in the order of their ends."""
        return list(self._spans.get_finished_spans())

    def points(self, name: str) -> list[Any]:
        """The data points of one metric."""
        data: MetricsData | None = self._metrics.get_metrics_data()
        resources = data.resource_metrics if data is not None else ()
        found = [
            metric
            for resource in resources
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
        ]
        return [point for metric in found for point in metric.data.data_points]


def is_child(span: ReadableSpan, parent: ReadableSpan) -> bool:
    return span.parent is not None and parent.context is not None and span.parent.span_id == parent.context.span_id


def test_a_call_is_an_internal_span_and_its_exchange_a_client_span_inside() -> None:
    telemetry = Telemetry()
    for event in one_exchange(call()):
        telemetry.hook(event)
    attempt, whole = telemetry.spans()
    assert (whole.name, whole.kind, whole.status.status_code) == (
        "capture_payment",
        SpanKind.INTERNAL,
        StatusCode.UNSET,
    )
    assert dict(whole.attributes or {}) == {
        "checkout_async.operation": "capture_payment",
        "checkout_async.idempotency": "key",
        "checkout_async.attempts": 1,
        "checkout_async.request_id": REQUEST_ID,
    }
    assert (attempt.name, attempt.kind) == ("POST /payments/{id}/captures", SpanKind.CLIENT)
    assert dict(attempt.attributes or {}) == {
        "http.request.method": "POST",
        "server.address": "api.example",
        "server.port": 443,
        "url.template": "/payments/{id}/captures",
        "http.response.status_code": 202,
        "checkout_async.request_id": REQUEST_ID,
    }
    assert is_child(attempt, whole)


def test_a_call_is_a_child_of_the_span_that_is_current_where_it_begins() -> None:
    telemetry = Telemetry()
    events = one_exchange(call())
    with telemetry.tracers.get_tracer("shop").start_as_current_span("checkout"):
        telemetry.hook(events[0])
    for event in events[1:]:  # in another context
        telemetry.hook(event)
    around, attempt, whole = telemetry.spans()
    assert is_child(whole, around)
    assert is_child(attempt, whole)


def test_a_retry_is_a_second_exchange_that_says_so_and_the_waits_are_events() -> None:
    telemetry, info = Telemetry(), call()
    failure = errors.RateLimited("too many", status=429)
    for event in (
        CallStarted(call=info),
        Waited(call=info, attempt=1, reason=WaitReason.SLOT, seconds=0.3),
        AttemptStarted(call=info, attempt=1),
        AttemptEnded(call=info, attempt=1, seconds=0.1, status=429),
        RetryScheduled(call=info, attempt=1, seconds=2.0, failure=failure),
        AttemptStarted(call=info, attempt=2),
        AttemptEnded(call=info, attempt=2, seconds=0.1, status=202),
        CallEnded(call=info, seconds=2.5, attempts=2, status=202, request_id=None),
    ):
        telemetry.hook(event)
    first, second, whole = telemetry.spans()
    assert first.status.status_code is StatusCode.ERROR
    assert (first.attributes or {})["error.type"] == "429"
    assert (second.attributes or {})["http.request.resend_count"] == 1
    assert whole.status.status_code is StatusCode.UNSET
    assert [(event.name, dict(event.attributes or {})) for event in whole.events] == [
        ("waited", {"checkout_async.wait.reason": "slot", "checkout_async.wait.seconds": 0.3}),
        ("retry scheduled", {"error.type": "RateLimited", "checkout_async.wait.seconds": 2.0}),
    ]
    (retries,) = telemetry.points("checkout_async.call.retries")
    assert (retries.value, dict(retries.attributes)) == (
        1,
        {"checkout_async.operation": "capture_payment", "error.type": "RateLimited"},
    )
    (wait,) = telemetry.points("checkout_async.limiter.wait")
    assert (wait.sum, wait.attributes["checkout_async.wait.reason"]) == (0.3, "slot")


@pytest.mark.parametrize("left_open", [False, True])
def test_a_cancelled_call_ends_all_its_spans_as_errors_of_that_kind(left_open: bool) -> None:
    telemetry, info = Telemetry(), call()
    telemetry.hook(CallStarted(call=info))
    telemetry.hook(AttemptStarted(call=info, attempt=1))
    if not left_open:
        telemetry.hook(AttemptEnded(call=info, attempt=1, seconds=0.1, cancelled=True))
    end = CallEnded(call=info, seconds=0.1, attempts=1, status=None, request_id=None, cancelled=True)
    telemetry.hook(end)
    attempt, whole = telemetry.spans()
    assert (whole.status.status_code, (whole.attributes or {})["error.type"]) == (StatusCode.ERROR, "cancelled")
    assert (attempt.attributes or {}).get("error.type") == (None if left_open else "cancelled")
    telemetry.hook(end)  # the hook has forgotten the call
    assert len(telemetry.spans()) == 2


def test_a_failure_is_labelled_by_its_class_and_its_masked_text() -> None:
    telemetry, info = Telemetry(), call()
    failure = errors.OutcomeUnknown("lost 4242424242424242")
    for event in (
        CallStarted(call=info),
        AttemptStarted(call=info, attempt=1),
        AttemptEnded(call=info, attempt=1, seconds=0.1, failure=failure),
        CallEnded(call=info, seconds=0.1, attempts=1, status=None, request_id=None, failure=failure),
    ):
        telemetry.hook(event)
    for span in telemetry.spans():
        assert (span.attributes or {})["error.type"] == "OutcomeUnknown"
        assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "lost ***")


def test_the_duration_of_an_exchange_has_the_advised_buckets_and_few_valued_attributes() -> None:
    telemetry = Telemetry()
    for event in one_exchange(call(), status=404):
        telemetry.hook(event)
    (point,) = telemetry.points("http.client.request.duration")
    assert point.explicit_bounds == BUCKETS
    assert (point.sum, dict(point.attributes)) == (
        0.2,
        {
            "http.request.method": "POST",
            "server.address": "api.example",
            "server.port": 443,
            "url.template": "/payments/{id}/captures",
            "http.response.status_code": 404,
            "error.type": "404",
        },
    )


async def test_a_client_exports_its_token_fetch_its_retry_and_its_call() -> None:
    telemetry = Telemetry()
    async with Sandbox() as sandbox, sandbox.client(hooks=[telemetry.hook]) as checkout:
        sandbox.faults.add("request_payment", CannedResponse(429, retry_after=0))
        card = payments.RequestCardSource(number=payment_card("approved"), expiry_month=1, expiry_year=2030)
        payment = await checkout.payments.request_payment(
            payments.PaymentRequest(source=card, amount=6540, currency="GBP"), idempotency_key="key-never-exported"
        )
        await checkout.payments.get_payment(payment.id)
    names = [span.name for span in telemetry.spans()]
    assert names == [
        "POST /connect/token",
        "request_access_token",
        "POST /payments",
        "POST /payments",
        "request_payment",
        "GET /payments/{id}",
        "get_payment",
    ]
    assert [point.count for point in telemetry.points("checkout_async.token_fetch.duration")] == [1]
    assert [point.count for point in telemetry.points("checkout_async.call.duration")] == [1, 1]
    exported = "".join(span.to_json() for span in telemetry.spans())
    for secret in (payment_card("approved"), "key-never-exported", "sandbox_secret", payment.id):
        assert secret not in exported


async def test_a_client_whose_call_is_cancelled_leaves_no_span_open() -> None:
    telemetry = Telemetry()
    began = anyio.Event()

    def watch(event: object) -> None:
        if isinstance(event, AttemptStarted) and event.call.operation == "list_payments":
            began.set()

    async with (
        Sandbox() as sandbox,
        sandbox.client(hooks=[telemetry.hook, watch]) as checkout,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(partial(checkout.payments.list_payments, reference="ORD-1"))
        await began.wait()
        tasks.cancel_scope.cancel()
    last = telemetry.spans()[-2:]
    assert [span.name for span in last] == ["GET /payments", "list_payments"]
    assert [(span.attributes or {})["error.type"] for span in last] == ["cancelled", "cancelled"]


def test_opentelemetry_is_loaded_by_the_hook_only() -> None:
    code = "import sys, checkout_async.observability; print('opentelemetry' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "False"


def test_without_the_extra_the_hook_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    for module in ("metrics", "spans"):
        monkeypatch.delitem(sys.modules, f"checkout_async.observability.{module}", raising=False)
    with pytest.raises(errors.MissingExtra, match=r"pip install 'checkout-async\[otel\]'"):
        OpenTelemetryHook()
