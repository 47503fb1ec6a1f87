"""No page of the wide web can use a sandbox: hosts, origins, content types, and where callbacks may go."""

from __future__ import annotations

import logging

import aiohttp
import pytest

from checkout_async.sandbox import Sandbox
from checkout_async.sandbox.core import notifier
from tests.sandbox.support import BROWSER_WITH_METHOD, Api, Merchant, frozen_clock, order

JSON = {"Content-Type": "application/json"}


def port_of(sandbox: Sandbox) -> str:
    return sandbox.base_url.rpartition(":")[2]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST", "shop.localhost", "127.8.8.8", "[::1]"])
async def test_loopback_hosts_are_answered_with_and_without_port(sandbox: Sandbox, api: Api, host: str) -> None:
    for name in (host, f"{host}:{port_of(sandbox)}"):
        assert (await api.token(), await api.send("GET", "/sessions/x", headers={"Host": name}))[1].status == 401


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "192.0.2.1", "localhost.evil.example", "["])
async def test_a_foreign_host_is_refused_and_on_record(sandbox: Sandbox, host: str) -> None:
    async with Api(sandbox) as api:
        token = await api.bearer()
        answer = await api.send("POST", "/_sandbox/clock", json={"advance": 1}, headers={"Host": host})
        session = await api.send("GET", "/nothing", headers={"Host": host, "Authorization": token})

    assert (answer.status, session.status) == (403, 403)
    assert "allowed_hosts" in answer.body["error"]
    assert sandbox.requests[-1].status == 403


async def test_a_host_that_was_allowed_is_answered() -> None:
    async with Sandbox(allowed_hosts=["sandbox.test"]) as sandbox, Api(sandbox) as api:
        allowed = await api.send("GET", "/sessions/x", headers={"Host": "Sandbox.test:80"})
        foreign = await api.send("GET", "/nothing", headers={"Host": "evil.example"})

    assert (allowed.status, foreign.status) == (401, 403)


async def test_bound_to_every_address_it_is_reached_under_addresses_and_not_under_names() -> None:
    async with Sandbox(host="0.0.0.0") as sandbox, Api(sandbox) as api:
        by_address = await api.send("GET", "/sessions/x", headers={"Host": "192.0.2.1:8642"})
        by_name = await api.send("GET", "/nothing", headers={"Host": "evil.example"})

    assert (by_address.status, by_name.status) == (401, 403)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (JSON, 200),
        (JSON | {"Origin": "http://localhost:3000"}, 200),
        (JSON | {"Origin": "https://evil.example"}, 403),
        (JSON | {"Origin": "null"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
    ],
)
async def test_a_control_endpoint_wants_json_and_no_foreign_origin(
    sandbox: Sandbox, api: Api, headers: dict[str, str], status: int
) -> None:
    before = sandbox.clock.now()
    answer = await api.send("POST", "/_sandbox/clock", data=b'{"advance": 10}', headers=headers)

    assert answer.status == status
    assert sandbox.clock.now() - before == (10 if status == 200 else 0)


async def completed(sandbox: Sandbox, url: str) -> int:
    async with Api(sandbox) as api:
        body = order(completion={"type": "non_hosted", "callback_url": url}, channel_data=BROWSER_WITH_METHOD)
        created = await api.create(body)
        assert created.status == 201
        return (await api.complete(created.body["id"])).status


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "http://192.0.2.1/",
        "http://169.254.169.254/latest",
        "http://[2001:db8::1]/",
        "http://１９２.０.２.１/",
    ],
)
async def test_a_callback_goes_to_no_other_machine(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture, url: str
) -> None:
    with caplog.at_level(logging.WARNING):
        assert await completed(sandbox, url) == 500
    assert "remote_callbacks" in caplog.text


async def test_a_name_of_another_machine_is_refused_once_it_is_resolved(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def elsewhere(_resolver: object, host: str, port: int = 0, _family: int = 0) -> list[dict[str, object]]:
        return [{"hostname": host, "host": "192.0.2.1", "port": port, "family": 2, "proto": 6, "flags": 4}]

    monkeypatch.setattr(aiohttp.ThreadedResolver, "resolve", elsewhere)
    with caplog.at_level(logging.WARNING):
        assert await completed(sandbox, "http://internal.test/") == 500
    assert "nothing was sent to internal.test" in caplog.text


async def test_a_callback_reaches_a_loopback_name(sandbox: Sandbox, merchant: Merchant) -> None:
    assert await completed(sandbox, merchant.url.replace("127.0.0.1", "localhost")) == 204
    assert len(merchant.received) == 1


async def test_callbacks_go_elsewhere_if_that_was_allowed(merchant: Merchant, monkeypatch: pytest.MonkeyPatch) -> None:
    def is_remote(_host: str) -> bool:
        return True

    monkeypatch.setattr(notifier, "_is_remote_address", is_remote)
    async with Sandbox(clock=frozen_clock(), remote_callbacks=True) as sandbox:
        assert await completed(sandbox, merchant.url) == 204
    async with Sandbox(clock=frozen_clock()) as sandbox:
        assert await completed(sandbox, merchant.url) == 500
    assert len(merchant.received) == 1
