"""The pages take forms as browsers post them; any other body gets a page with the reason."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checkout_async.sandbox import Sandbox
from tests.sandbox.pages.pages import Browser
from tests.sandbox.support import HOSTED, Api, order

FORM = "application/x-www-form-urlencoded"
PAGES = [
    "/_sandbox/acs/3ds-method",
    "/_sandbox/acs/challenge",
    "/_sandbox/acs/challenge/answer",
    "/sessions-interceptor/3ds-method-notification",
    "/sessions-interceptor/challenge-notification",
]
BAD = [
    ("multipart/form-data", b"x"),
    ("multipart/form-data; boundary=a", b"--a\r\nnot a header\r\n\r\nx\r\n--a--"),
    ("application/json", b"{}"),
    ("text/plain", b"creq=x"),
    ("no/thing; charset=nope", b""),
    (FORM, b"creq=\xff"),
    (FORM, b"&".join(b"f%d=x" % number for number in range(100))),
]


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(("content_type", "body"), BAD, ids=lambda value: str(value)[:40])
async def test_what_is_no_form_is_refused_with_the_reason(
    browser: Browser, path: str, content_type: str, body: bytes
) -> None:
    page = await browser.send(path, body, content_type)
    assert page.status == 400
    assert 'class="problem">the ' in page.html


async def test_the_hosted_page_refuses_it_too(api: Api, browser: Browser) -> None:
    created = await api.create(order("frictionless", completion=HOSTED))
    for content_type, body in BAD:
        assert (await browser.send(created.links["redirect_url"], body, content_type)).status == 400


async def test_a_charset_beside_the_type_does_not_matter(browser: Browser) -> None:
    page = await browser.send(PAGES[3], b"threeDSMethodData=e30", f"{FORM}; charset=UTF-8")
    assert page.announced == {"threeDSServerTransID": ""}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(
    path=st.sampled_from(PAGES),
    content_type=st.sampled_from([FORM, "multipart/form-data; boundary=a", "multipart/form-data", "text/html"]),
    body=st.binary(max_size=60) | st.binary(max_size=30).map(lambda raw: b"creq=" + raw),
)
async def test_no_body_is_an_error_of_the_sandbox(
    sandbox: Sandbox, browser: Browser, path: str, content_type: str, body: bytes
) -> None:
    assert (await browser.send(path, body, content_type)).status in {200, 400, 404}
    assert sandbox.requests[-1].status < 500
