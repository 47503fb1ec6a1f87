"""Any input of a caller is refused before anything is sent, or is sent exactly, without an extra header."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
import yarl
from hypothesis import example, given
from hypothesis import strategies as st

from checkout_async import OAuthCredentials, SecretKey, SessionSecret, errors
from checkout_async._core.body import encode_body
from checkout_async._core.paging import Page, by_link
from checkout_async._core.wire import HttpRequest, HttpResponse
from checkout_async.endpoints import resolve_endpoints
from tests.fuzz.mutation import json_values, plain, spoilt
from tests.fuzz.support import CALLS, URL, Call, Scripted, client, effort
from tests.transport.servers import ok, raw_server

pytestmark = pytest.mark.slow

NASTY = [
    "",
    ".",
    "..",
    "a/b",
    "a%2Fb",
    "a?b=c",
    "a#b",
    "a\r\nX: y",
    "a b",
    "\x00",
    "\ud800",
    "é",
    "\\..\\",
    "//evil.example",
    "@evil",
]
texts = st.one_of(
    st.sampled_from(NASTY), st.text(st.characters(), max_size=20), st.text(st.characters(codec="ascii"), max_size=20)
)
objects = st.one_of(
    texts, st.none(), st.integers(), st.binary(max_size=5), st.lists(st.integers(), max_size=2), st.just(object())
)
WITH_ID = [call for call in CALLS if call.takes("session_id") or call.takes("payment_id")]
WITH_KEY = [call for call in CALLS if call.takes("idempotency_key")]
WITH_BODY = [call for call in CALLS if call.takes("body") and call.operation.name != "request_access_token"]
BY_NAME = {call.operation.name: call for call in CALLS}


async def sent(call: Call, *, validate: bool = True, **arguments: Any) -> HttpRequest | None:
    """Return the one request that a call sends, or None if it is refused with a message and nothing is sent."""
    transport = Scripted()
    async with client(transport, validate="shape" if validate else "off") as checkout:
        try:
            await checkout.send(call.request(**arguments))
        except errors.InvalidRequest as error:
            assert str(error).isprintable()
            assert error.reason
            assert transport.requests == []
            return None
        except errors.UnexpectedResponse:
            pass
    (request,) = transport.requests
    assert request.url.startswith(f"{URL}/")
    return request


@pytest.mark.parametrize("call", WITH_ID, ids=str)
@effort(0.5)
@given(value=objects, validate=st.booleans())
async def test_an_identifier_is_one_segment_of_the_path_or_refused(call: Call, value: Any, validate: bool) -> None:
    name = "session_id" if call.takes("session_id") else "payment_id"
    request = await sent(call, validate=validate, **{name: value})
    if request is not None:
        parts = urlsplit(request.url)
        expected = [value if part == "{id}" else part for part in call.operation.path.split("/")]
        assert [unquote(part, errors="strict") for part in parts.path.split("/")] == expected
        assert (parts.query, parts.fragment) == ("", "")


@pytest.mark.parametrize("call", WITH_KEY, ids=str)
@effort(0.3)
@given(key=objects)
async def test_an_idempotency_key_is_its_header_or_refused(call: Call, key: Any) -> None:
    request = await sent(call, idempotency_key=key)
    if request is not None and key is not None:
        assert request.headers[call.operation.idempotency_header or ""] == key
        assert key.isascii()
        assert key.isprintable()


@effort(1)
@given(secret=objects)
async def test_a_session_secret_is_the_credential_or_refused(secret: Any) -> None:
    request = await sent(BY_NAME["get_session"], session_secret=secret)
    if request is not None and secret is not None:
        assert request.headers["Authorization"] == secret
        assert secret.isascii()
        assert secret.isprintable()


NAMES = [
    "X-Own",
    "x-own",
    "Host",
    "Authorization",
    "channel",
    "Channel",
    "Cko-Idempotency-Key",
    "Content-Length",
    "Expect",
    "X\r\nY",
]
own_headers = st.one_of(
    st.dictionaries(
        st.one_of(st.sampled_from(NAMES), objects.filter(lambda each: not isinstance(each, list))), objects, max_size=3
    ),
    objects,
)


@effort(3)
@given(headers=own_headers)
async def test_further_headers_arrive_once_each_or_are_refused(headers: Any) -> None:
    request = await sent(BY_NAME["get_session"], channel="browser", headers=headers)
    if request is not None:
        assert {**request.headers, **(headers or {})} == dict(request.headers)
        names = [name.lower() for name in request.headers]
        assert len(names) == len(set(names))


@effort(2)
@given(reference=objects, limit=st.one_of(st.none(), st.integers(), objects))
async def test_query_texts_arrive_as_given_or_are_refused(reference: Any, limit: Any) -> None:
    request = await sent(BY_NAME["list_payments"], reference=reference, limit=limit)
    if request is not None:
        parts = urlsplit(request.url)
        expected = [("reference", reference), *([] if limit is None else [("limit", str(limit))])]
        assert parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True, errors="strict") == expected
        assert parts.path == "/payments"


@pytest.mark.parametrize("call", WITH_BODY, ids=str)
@effort(0.6)
@given(data=st.data())
async def test_a_body_arrives_as_given_or_is_refused(call: Call, data: st.DataObject) -> None:
    body = data.draw(st.one_of(st.sampled_from(call.sent).flatmap(lambda each: spoilt(each.value)), json_values))
    body = plain(body)
    request = await sent(call, body=body, validate=data.draw(st.booleans()))
    if request is not None and request.body is not None:
        assert same(json.loads(request.body), body)


def same(sent_value: Any, meant: Any) -> bool:
    """Compare JSON values: true is not 1 here, a time may be written in another way, and None leaves a member out."""
    if meant.__class__ is dict:
        return (
            sent_value.__class__ is dict
            and sent_value.keys() <= meant.keys()
            and all(meant[each] is None for each in meant.keys() - sent_value.keys())
            and all(same(sent_value[each], meant[each]) for each in sent_value)
        )
    if meant.__class__ is list:
        return len(sent_value) == len(meant) and all(map(same, sent_value, meant))
    return bool(sent_value == meant) and isinstance(sent_value, bool) is isinstance(meant, bool)


anything = st.recursive(
    st.one_of(objects, st.floats(), st.dates(), st.decimals(), st.uuids(), st.complex_numbers()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(objects.filter(lambda each: not isinstance(each, list)), inner, max_size=3),
    ),
    max_leaves=6,
)


@effort(3)
@given(body=anything, validate=st.booleans())
def test_any_python_object_as_a_body_is_json_or_refused(body: Any, validate: bool) -> None:
    call = BY_NAME["request_session"]
    try:
        raw = encode_body("fuzz", body, call.operation.request, validate="shape" if validate else "off")
    except errors.InvalidRequest as error:
        assert str(error).isprintable()
        assert error.reason
    else:
        json.loads(raw)


@effort(4)
@given(subdomain=st.one_of(texts, st.from_regex(r"[a-z0-9.@/:-]{1,12}"), objects))
def test_a_subdomain_is_one_label_before_the_official_host(subdomain: Any) -> None:
    try:
        where = resolve_endpoints("sandbox", subdomain)
    except errors.ConfigurationError as error:
        assert str(error)
        return
    assert yarl.URL(where.base_url).host == f"{subdomain}.api.sandbox.checkout.com"
    assert yarl.URL(where.token_url or "").host == f"{subdomain}.access.sandbox.checkout.com"


URL_PARTS = [
    "https://",
    "http://",
    "//",
    "a.example",
    "127.0.0.1",
    "[::1]",
    "localhost",
    ":443",
    ":0",
    "@",
    "\\",
    "/",
    "/v1",
    "..",
    "?x",
    "#x",
    "\t",
    "\n",
    " ",
    "%2f",
    "é",
    "%",
    "evil.example",
    ";",
    "\x00",
]
urls = st.one_of(
    st.lists(st.sampled_from(URL_PARTS), max_size=6).map("".join), texts.map("https://a.example".__add__), objects
)


@effort(8)
@example(base_url="https://a.exa\nmple", token_url="https://a.example/t")
@example(base_url="https://a.example", token_url="")
@given(base_url=urls, token_url=urls)
def test_two_parsers_agree_on_the_host_of_every_url_that_is_taken(base_url: Any, token_url: Any) -> None:
    try:
        where = resolve_endpoints(None, None, base_url=base_url, token_url=token_url)
    except errors.ConfigurationError as error:
        assert str(error)
        return
    for given_url, taken in ((base_url, where.base_url), (token_url, where.token_url)):
        if taken is None:
            assert given_url is None
            continue
        assert given_url.rstrip("/") == taken
        standard, other = urlsplit(taken), yarl.URL(taken, encoded=True)
        assert (standard.hostname or "").lower() == (other.host or "").lower()
        assert standard.netloc.lower() == other.raw_authority.lower()
        assert other.user is None
        assert standard.scheme == "https" or other.host in {"127.0.0.1", "::1", "localhost"}
        assert taken.isascii()
        assert taken.isprintable()
        assert " " not in taken


@effort(4)
@given(key=objects, client_id=objects, client_secret=objects, scopes=st.one_of(st.lists(objects, max_size=3), objects))
async def test_credentials_go_out_whole_or_are_refused(
    key: Any, client_id: Any, client_secret: Any, scopes: Any
) -> None:
    for kind in (SecretKey, SessionSecret):
        with pytest.raises(errors.ConfigurationError, match=r"."):
            kind(key)
    transport = Scripted(HttpResponse(status=400, headers={}, body=b""))
    try:
        credentials = OAuthCredentials(client_id, client_secret, scopes=scopes)
    except errors.ConfigurationError as error:
        assert str(error).isprintable()
        return
    async with client(transport, credentials) as checkout:
        with pytest.raises(errors.AuthenticationFailed):
            await checkout.send(BY_NAME["get_payment"].request())
    (request,) = transport.requests
    assert b64decode(request.headers["Authorization"].removeprefix("Basic ")).decode() == f"{client_id}:{client_secret}"
    form = dict(parse_qsl((request.body or b"").decode("ascii"), keep_blank_values=True))
    assert form.get("scope", "").split(" ") == (list(scopes) or [""])


links = st.one_of(texts, texts.map(f"{URL}/".__add__), texts.map(URL.__add__), texts.map("/".__add__))


@effort(4)
@example(link=f"{URL}/payments HTTP/1.1")
@given(link=links)
async def test_a_link_to_the_next_page_stays_at_the_api_as_it_was_given(link: str) -> None:
    transport = Scripted(HttpResponse(status=200, headers={}, body=b'{"data":[]}'))
    async with client(transport) as checkout:

        async def first() -> Page[int]:
            return Page([1], ["1"], next_link=link)

        async def follow(link: str) -> Page[int]:
            await checkout.send(type(request)(operation=request.operation, link=link))
            return Page([], [])

        request = BY_NAME["search_payments"].request()
        try:
            assert [item async for item in by_link(first, follow, max_items=None)] == [1]
        except errors.InvalidRequest as error:
            assert str(error).isprintable()
            assert transport.requests == []
    for each in transport.requests:
        assert each.url == (URL + link if link.startswith("/") else link)
        assert (yarl.URL(each.url, encoded=True).host, urlsplit(each.url).hostname) == ("api.example", "api.example")
        assert not set(each.url) & set(" \t\r\n\\#")


def head(request: bytes) -> tuple[str, list[tuple[str, str]]]:
    """Parse the head of a request: its target, and its headers in order."""
    first, *lines = request.split(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    _method, target, version = first.split(" ")
    assert version == "HTTP/1.1"
    return target, [(name.lower(), value) for name, _, value in (line.partition(": ") for line in lines)]


socket_values = st.one_of(
    st.sampled_from(NASTY),
    st.text(st.characters(codec="ascii", min_codepoint=32, max_codepoint=126), max_size=20),
    texts,
)


@effort(0.6)
@given(identifier=socket_values, value=socket_values, secret=socket_values, reference=socket_values)
async def test_on_a_real_socket_the_server_reads_what_was_meant(
    identifier: str, value: str, secret: str, reference: str
) -> None:
    calls: dict[str, dict[str, Any]] = {
        "get_session": {"session_id": identifier, "headers": {"X-Own": value}, "session_secret": secret},
        "list_payments": {"reference": reference, "headers": {"X-Own": value}},
        "void_payment": {"payment_id": identifier, "idempotency_key": value},
    }
    async with raw_server(ok) as server, client(None, base_url=server.url, validate="off") as checkout:
        for name, arguments in calls.items():
            before = len(server.requests)
            try:
                await checkout.send(BY_NAME[name].request(**arguments))
            except errors.InvalidRequest:
                assert len(server.requests) == before
                continue
            except errors.UnexpectedResponse:
                pass
            (request,) = server.requests[before:]
            target, found = head(request)
            path, _, query = target.partition("?")
            own = [unquote(part) for part in path.split("/")]
            assert own == [
                arguments.get("session_id", arguments.get("payment_id")) if part == "{id}" else part
                for part in BY_NAME[name].operation.path.split("/")
            ]
            assert dict(parse_qsl(query, keep_blank_values=True)) == ({"reference": reference} if query else {})
            values = dict(found)
            assert len(values) == len(found)
            assert values["host"] == server.url.removeprefix("http://")
            assert values["cko-idempotency-key" if name == "void_payment" else "x-own"] == value
            assert name != "get_session" or values["authorization"] == secret
