"""Any reply to any operation becomes a result or one of our errors, and nothing of the reply is lost."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout_async import OAuthCredentials, RetryPolicy, errors
from checkout_async._core.response import parse_response
from checkout_async._core.wire import ApiResponse, HttpResponse
from checkout_async.models import ResponseModel, to_json
from tests.fuzz.mutation import Token, is_a, junk, spoilt, written
from tests.fuzz.support import CALLS, Call, Scripted, client, effort, survives

pytestmark = pytest.mark.slow

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
KNOWN = ["cko-request-id", "content-type", "retry-after", "content-length", "location", "cko-version"]
VALUES = [
    "",
    "0",
    "-1",
    "1e9",
    "9" * 400,
    "\r\nx: y",
    "\x00\x1b[31m",
    "utf-7",
    "Sat, 31 Feb 2026 25:61:61 GMT",
    "4242424242424242",
]

statuses = st.one_of(
    st.sampled_from([200, 201, 202, 204, 400, 401, 409, 422, 429, 500, 502, 503]), st.integers(100, 999)
)
header_values = st.one_of(st.sampled_from(VALUES), st.text(max_size=20))
headers = st.dictionaries(st.one_of(st.sampled_from(KNOWN), st.text(max_size=8)), header_values, max_size=4)


def bodies(call: Call, *, failed: bool) -> st.SearchStrategy[bytes]:
    """Return a strategy of bodies that resemble what the operation answers, or do not."""
    own = [each.value for each in call.received if each.status is not None and (each.status >= 400) is failed]
    if not own:
        return junk
    return st.sampled_from(own).flatmap(spoilt).map(lambda value: written(value).encode("utf-8", "surrogatepass"))


def replies(call: Call) -> st.SearchStrategy[HttpResponse]:
    """Return a strategy of replies: mostly a documented status with a body that is nearly right."""
    good = st.sampled_from(sorted(call.operation.responses))
    return st.one_of(
        st.builds(HttpResponse, status=good, headers=headers, body=bodies(call, failed=False)),
        st.builds(HttpResponse, status=good, headers=headers, body=bodies(call, failed=False)),
        st.builds(HttpResponse, status=st.integers(400, 599), headers=headers, body=bodies(call, failed=True)),
        st.builds(HttpResponse, status=statuses, headers=headers, body=junk),
    )


def check_result(found: ApiResponse[Any], reply: HttpResponse) -> None:
    assert (found.body, found.status, found.headers) == (reply.body, reply.status, reply.headers)
    if isinstance(found.value, ResponseModel):
        assert to_json(found.value) == reply.body
    for other in survives(found.value):
        assert other == found.value
    assert all(path.isprintable() for path in found.ignored)


def check_error(error: errors.CheckoutError, reply: HttpResponse) -> None:
    assert isinstance(error, errors.ApiError | errors.UnexpectedResponse)
    assert (error.body, error.status, error.headers) == (reply.body, reply.status, reply.headers)
    check_text(error)
    for other in survives(error):
        assert (type(other), str(other), vars(other)) == (type(error), str(error), vars(error))


def check_text(error: errors.CheckoutError) -> None:
    text = str(error)
    assert text.strip(), "an error without a message"
    assert text.isprintable(), "control characters of a server in a message, which may end up in a log"
    assert len(text) < 2000, "a message as long as a server likes"
    assert "4242424242424242" not in text


@pytest.mark.parametrize("call", CALLS, ids=str)
@effort(1.5)
@given(data=st.data())
def test_any_reply_is_a_result_or_one_of_our_errors_with_all_it_came_with(call: Call, data: st.DataObject) -> None:
    reply = data.draw(replies(call))
    try:
        found = parse_response(call.operation, reply, NOW)
    except errors.CheckoutError as error:
        check_error(error, reply)
    else:
        check_result(found, reply)


def without(value: Any, ignored: tuple[str, ...], here: str = "$") -> Any:
    """Return a JSON value without the members and items that are named as ignored."""
    if isinstance(value, dict):
        if f"{here}[0]" in ignored:
            return []  # an object that stands for a list of one
        places = [here, f"{here}[0]"]
        kept: dict[str, Any] = {}
        for name, member in cast("dict[str, Any]", value).items():
            paths = [path for place in places for path in (f"{place}.{name}", f"{place}[{json.dumps(name)}]")]
            if not set(paths) & set(ignored):
                begun = [path for path in paths if any(each.startswith(path) for each in ignored)]
                kept[name] = without(member, ignored, begun[0] if begun else paths[0])
        return kept
    if is_a(list, value):
        items = [(f"{here}[{index}]", item) for index, item in enumerate(value)]
        return [without(item, ignored, path) for path, item in items if path not in ignored]
    return value


@pytest.mark.parametrize("call", [each for each in CALLS if any(each.operation.responses.values())], ids=str)
@effort(0.6)
@given(data=st.data())
def test_what_is_named_as_ignored_is_what_makes_the_difference(call: Call, data: st.DataObject) -> None:
    status = next(iter(call.operation.responses))
    body = data.draw(bodies(call, failed=False))
    try:
        found = parse_response(call.operation, HttpResponse(status=status, headers={}, body=body), NOW)
    except errors.UnexpectedResponse:
        return
    if found.ignored:
        whole = json.loads(body, parse_float=Token, parse_int=Token)  # as written, or 1e999 would be lost
        rest = written(without(whole, found.ignored)).encode()
        again = parse_response(call.operation, HttpResponse(status=status, headers={}, body=rest), NOW)
        assert (again.value, again.ignored) == (found.value, ())


@pytest.mark.parametrize("call", [each for each in CALLS if each.operation.name != "request_access_token"], ids=str)
@effort(0.3)
@given(data=st.data())
async def test_nothing_else_comes_out_of_a_whole_client(call: Call, data: st.DataObject) -> None:
    reply = data.draw(replies(call))
    transport = Scripted(reply)
    retry = RetryPolicy(attempts=2, backoff=0, max_backoff=0, max_retry_after=0)
    async with client(transport, retry=retry) as checkout:
        try:
            found = await checkout.send(call.request())
        except errors.OutcomeUnknown as error:
            assert transport.requests, "the outcome of what was never sent is known"
            check_text(error)
            if "another request" not in str(error):
                assert isinstance(error.__cause__, errors.ApiError | errors.UnexpectedResponse)
                check_error(error.__cause__, reply)
        except errors.CheckoutError as error:
            check_error(error, reply)
        else:
            check_result(found, reply)
    assert 1 <= len(transport.requests) <= 2


TOKEN = next(each for each in CALLS if each.operation.name == "request_access_token")


@effort(4)
@given(reply=replies(TOKEN))
async def test_a_token_is_had_or_refused_with_the_raw_reply_or_missing(reply: HttpResponse) -> None:
    transport = Scripted(reply)
    call = next(each for each in CALLS if each.operation.name == "get_session")
    async with client(transport, OAuthCredentials("ack_tests", "hush-hush", scopes=[])) as checkout:
        try:
            await checkout.send(call.request())
        except errors.AuthenticationFailed as error:
            assert (error.status, error.body) == (reply.status, reply.body)
            check_text(error)
            assert "hush-hush" not in repr(vars(error))
            for other in survives(error):
                assert (str(other), vars(other)) == (str(error), vars(error))
        except errors.ConnectFailed as error:
            assert not (400 <= reply.status < 500 and reply.status not in {408, 425, 429})
            assert (error.may_have_been_done, error.is_transient) == (False, True)
            check_text(error)
            assert "hush-hush" not in repr(vars(error))
        except errors.CheckoutError:
            assert len(transport.requests) > 1
    if len(transport.requests) > 1:
        token = parse_response(TOKEN.operation, reply, NOW).value.access_token
        assert transport.requests[-1].headers["Authorization"] == f"Bearer {token}"
