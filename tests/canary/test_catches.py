"""The search finds a deliberate leak in every channel and every form."""

from __future__ import annotations

import base64
import json
import logging
import warnings
from collections.abc import Callable
from urllib.parse import quote

import pytest

from checkout_async import errors
from checkout_async._core.events import CallEnded, CallInfo
from checkout_async._core.parameters import quote_segment
from checkout_async._core.wire import Idempotency
from tests.canary.channels import leaks, pickled, recording, rendered, shown, without_reply
from tests.canary.marks import Canaries

VALUE = "canary-éxample/of a+secret"
CANARIES = Canaries({VALUE: "deliberate"})
FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "repr": repr,
    "JSON": json.dumps,
    "URL": lambda value: quote(value, safe=""),
    "hexadecimal": lambda value: value.encode().hex(),
    "Base64": lambda value: base64.b64encode(value.encode()).decode(),
    "Base64 of a pair": lambda value: base64.b64encode(f"ack_x:{value}".encode()).decode(),
    "Base64 of JSON": lambda value: base64.urlsafe_b64encode(f'{{"a":"{value}"}}'.encode()).decode(),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_form_is_recognised(form: Callable[[str], str]) -> None:
    assert leaks([("any", f"before {form(VALUE)} after")], CANARIES)
    assert not leaks([("any", f"before {form('something else altogether')} after")], CANARIES)


def test_a_short_number_is_recognised_where_it_stands_alone() -> None:
    canaries = Canaries({"9123": "cvv"})
    assert leaks([("any", '{"cvv":"9123"}')], canaries)
    assert not leaks([("any", "Task-9123 0x79123a 0.9123 19123")], canaries)


async def test_a_log_record_an_event_a_warning_and_a_span_are_searched() -> None:
    with recording() as recorder:
        logging.getLogger("aiohttp.deep.down").debug("%s", VALUE)
        logging.getLogger("anything").debug("no text", extra={"more": VALUE})
        call = CallInfo(operation="op", method="GET", path="/", idempotency=Idempotency.SAFE, server="s", port=1)
        recorder.events.append(CallEnded(call=call, seconds=1, attempts=1, status=200, request_id=VALUE))
        warnings.warn(VALUE, stacklevel=1)
        with recorder.tracers.get_tracer("tests").start_as_current_span("a") as span:
            span.set_attribute("any", VALUE)
        recorder.meters.get_meter("tests").create_counter("any").add(1, {"any": VALUE})
        found = list(recorder.outputs()) + list(recorder.measured())
    channels = {leak.channel for leak in leaks(found, CANARIES)}
    assert channels == {"log aiohttp.deep.down", "log anything", "event", "warning", "span", "metrics"}


def test_a_result_and_a_text_an_attribute_a_note_a_cause_and_a_pickle_of_an_error_are_searched() -> None:
    assert leaks(list(shown([VALUE])), CANARIES)
    attribute, note = errors.ConfigurationError("any"), errors.ConfigurationError("any")
    vars(attribute)["any"] = VALUE
    note.add_note(VALUE)
    hidden = errors.ConfigurationError("any")
    hidden.__context__, hidden.__suppress_context__ = ValueError(VALUE), True
    group = ExceptionGroup("any", [errors.ConfigurationError(VALUE)])
    for error in (errors.ConfigurationError(VALUE), attribute, note, hidden, group):
        assert leaks(list(rendered(error)), CANARIES)
    assert leaks(list(pickled(errors.ConfigurationError(VALUE))), CANARIES)
    assert leaks(list(pickled(errors.ApiError("any", body=VALUE.encode()))), CANARIES)
    assert not leaks(list(pickled(without_reply(errors.ApiError("any", body=VALUE.encode())))), CANARIES)


def test_local_variables_of_the_package_are_searched_and_those_of_tests_are_not() -> None:
    canaries = Canaries({"canary-operation": "deliberate"})
    here = "canary-" + "operation"
    with pytest.raises(errors.ConfigurationError) as ours:
        raise errors.ConfigurationError("any")
    assert here
    assert not leaks(list(rendered(ours.value)), canaries)
    with pytest.raises(errors.InvalidRequest) as theirs:
        quote_segment(here, "any", "")
    theirs.value.args = ("any",)
    vars(theirs.value).clear()
    assert {leak.channel for leak in leaks(list(rendered(theirs.value)), canaries)} == {"traceback", "rich traceback"}
