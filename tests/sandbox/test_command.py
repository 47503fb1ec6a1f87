"""`checkout-async sandbox` has every option of `Sandbox(...)`, and each of them has its effect over HTTP."""

from __future__ import annotations

import inspect
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from click.testing import CliRunner

from checkout_async.cli import cli
from checkout_async.sandbox import SECRET_KEY, Sandbox
from checkout_async.sandbox.http.server import SandboxOptions
from tests.commands import sandbox_process
from tests.faults import certificates
from tests.sandbox.payments.support import order
from tests.sandbox.support import Json, document

SECRET = {"Authorization": f"Bearer {SECRET_KEY}"}
OPTION_OF = {
    "clock": {"clock_start", "frozen_clock"},
    "clients": {"client"},
    "ssl_context": {"tls_certificate", "tls_key"},
    "allowed_hosts": {"allowed_host"},
}
"""Options of `Sandbox` whose options on the command line have other names."""


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(headers=SECRET) as session:
        yield session


async def call(http: aiohttp.ClientSession, url: str, body: Json | None = None, **options: Any) -> tuple[int, Any]:
    request = http.get(url, **options) if body is None else http.post(url, json=body, **options)
    async with request as reply:
        raw = await reply.read()
        return reply.status, json.loads(raw) if raw else None


def test_every_option_of_the_sandbox_is_on_the_command_line() -> None:
    options = set(inspect.signature(Sandbox).parameters)
    wanted = {name for option in options for name in OPTION_OF.get(option, {option})}

    assert {str(parameter.name) for parameter in cli.commands["sandbox"].params} == wanted
    assert set(SandboxOptions.__annotations__) == options


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--client", "ack_x"], "--client must be ID:SECRET"),
        (["--client", ":hush"], "--client must be ID:SECRET"),
        (["--tls-key", __file__], "--tls-key needs --tls-certificate"),
        (["--tls-certificate", __file__], "are not a certificate and the key to it"),
        (["--document", __file__], "is not a JSON object"),
        (["--document", "pyproject.json"], "does not exist"),
        (["--webhook-url", "ftp://shop.example/"], "webhook_url must be an http or https address"),
        (["--host", "no-such-host.invalid"], "cannot listen on no-such-host.invalid"),
    ],
)
def test_a_wrong_option_is_a_usage_error_that_says_what_is_wrong(options: list[str], problem: str) -> None:
    done = CliRunner().invoke(cli, ["sandbox", "--port", "0", *options])

    assert done.exit_code == 2
    assert problem in done.output
    assert "hush" not in done.output


@pytest.mark.slow
async def test_exact_mode_and_refused_keys(http: aiohttp.ClientSession) -> None:
    with sandbox_process("--exact", "--refuse-reused-keys") as url:
        key = {"Cko-Idempotency-Key": "k-1"}
        unknown = await call(http, f"{url}/payments", order(colour="red"))
        await call(http, f"{url}/payments", order(), headers=key)
        reused = await call(http, f"{url}/payments", order(amount=1), headers=key)

    assert (unknown[0], unknown[1]["error_codes"]) == (422, ["colour_invalid"])
    assert (reused[0], reused[1]["error_codes"]) == (422, ["idempotency_key_reused"])


@pytest.mark.slow
async def test_clients_with_scopes_and_token_lifetime() -> None:
    form = {"grant_type": "client_credentials", "client_id": "ack_shop", "client_secret": "hush"}
    with sandbox_process("--client", "ack_shop:hush:gateway sessions:app", "--token-lifetime", "120") as url:
        async with aiohttp.ClientSession() as http:
            async with http.post(f"{url}/connect/token", data=form) as reply:
                granted = await reply.json()
            async with http.post(f"{url}/connect/token", data=form | {"scope": "fx"}) as reply:
                refused = reply.status

    assert (granted["scope"].split(), granted["expires_in"]) == (["gateway", "sessions:app"], 120)
    assert refused == 400


@pytest.mark.slow
async def test_clock_and_payment_delay(http: aiohttp.ClientSession) -> None:
    options = ["--clock-start", "2031-01-01", "--frozen-clock", "--payment-delay", "60"]
    with sandbox_process(*options) as url:
        _, payment = await call(http, f"{url}/payments", order())
        await call(http, f"{url}/payments/{payment['id']}/captures", {})
        _, before = await call(http, f"{url}/payments/{payment['id']}")
        _, now = await call(http, f"{url}/_sandbox/clock", {"advance": 60})
        _, after = await call(http, f"{url}/payments/{payment['id']}")

    assert now == {"now": "2031-01-01T00:01:00Z"}
    assert (before["status"], after["status"]) == ("Authorized", "Captured")


@pytest.mark.slow
async def test_another_document(http: aiohttp.ClientSession, tmp_path: Path) -> None:
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(document() | {"info": {"version": "2099.1"}}))
    with sandbox_process("--document", path) as url:
        async with http.get(f"{url}/payments/pay_x") as reply:
            assert reply.headers["Cko-Version"] == "2099.1"


@pytest.mark.slow
async def test_allowed_hosts(http: aiohttp.ClientSession) -> None:
    with sandbox_process("--allowed-host", "sandbox.test") as url:
        statuses = [
            (await call(http, f"{url}/payments/pay_x", headers={"Host": name}))[0]
            for name in ("sandbox.test", "evil.example")
        ]

    assert statuses == [404, 403]


@pytest.mark.slow
@pytest.mark.parametrize("in_two_files", [False, True])
async def test_tls(http: aiohttp.ClientSession, tmp_path: Path, in_two_files: bool) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    issued = certificates.authority().issue_cert(certificates.HOST)
    key.write_bytes(issued.private_key_pem.bytes())
    chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
    certificate.write_bytes(chain if in_two_files else issued.private_key_and_cert_chain_pem.bytes())
    options: list[str | Path] = ["--tls-key", key] if in_two_files else []
    with sandbox_process("--tls-certificate", certificate, *options) as url:
        status, _ = await call(http, f"{url}/payments/pay_x", ssl=certificates.trusting())

    assert (url.partition(":")[0], status) == ("https", 404)
