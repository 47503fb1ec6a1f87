"""Usage, configuration and the small commands, as real processes."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from checkout_async import CheckoutClient, webhooks
from checkout_async._generated.scopes import SCOPES
from checkout_async.sandbox import WEBHOOK_SECRET, Sandbox
from tests.batch.support import request
from tests.commands import (
    AUTHENTICATE,
    environment,
    finish,
    is_there,
    read_exports,
    run,
    start,
    write_lines,
)
from tests.sandbox.payments.support import order as payment_order

pytestmark = pytest.mark.slow


class TestConfiguration:
    async def test_a_missing_credential_is_named_in_one_line(self, source: Path, target: Path) -> None:
        env = environment("http://127.0.0.1:9")
        del env["CHECKOUT_CLIENT_ID"]
        done = await run(*AUTHENTICATE, write_lines(source, [request()]), "--output", target, env=env)
        assert (done.code, is_there(target)) == (2, False)
        assert "CHECKOUT_CLIENT_ID" in done.err
        assert done.err.count("\n") == 1

    @pytest.mark.parametrize(
        "arguments",
        [
            ["authenticate"],
            ["authenticate", "in.jsonl"],
            ["authenticate", "no-such-file.jsonl", "--output", "-"],
            ["authenticate", "-", "--output", "-", "--concurrency", "0"],
            ["authenticate", "-", "--output", "-", "--rate", "-1"],
            ["sandbox", "--port", "70000"],
            ["no-such-command"],
        ],
    )
    async def test_wrong_usage_is_code_2(self, arguments: list[str]) -> None:
        done = await run(*arguments, env=environment("http://127.0.0.1:9"), stdin=b"")
        assert (done.code, done.out) == (2, "")
        assert done.err
        assert "Traceback" not in done.err

    @pytest.mark.parametrize("missing", ["click", "rich"])
    async def test_without_the_extra_one_line_says_what_to_install(self, missing: str) -> None:
        code = (
            f"import runpy, sys; sys.modules['{missing}'] = None; "
            "runpy.run_module('checkout_async', run_name='__main__')"
        )
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        done = await finish(process)
        assert (done.code, done.out) == (2, "")
        assert done.err.endswith("pip install 'checkout-async[cli]'\n")
        assert done.err.count("\n") == 1


class TestToken:
    async def test_it_prints_lifetime_and_scopes_and_not_the_token(self, env: dict[str, str]) -> None:
        done = await run("token", env=env | {"CHECKOUT_SCOPES": "sessions:app"})
        assert done.code == 0
        assert done.out.split() == ["lifetime", "3600", "s", "scopes", "sessions:app"]

    async def test_show_prints_the_token_alone_to_standard_output(self, env: dict[str, str]) -> None:
        done = await run("token", "--show", env=env)
        assert len(done.out.split()) == 1
        assert done.out.count(".") == 2
        assert "3600 s" in done.err

    async def test_a_refusal_is_one_line(self, env: dict[str, str]) -> None:
        done = await run("token", env=env | {"CHECKOUT_CLIENT_SECRET": "wrong"})
        assert (done.code, done.out) == (1, "")
        assert "invalid_client" in done.err
        assert done.err.count("\n") == 1

    async def test_a_secret_key_has_no_token(self) -> None:
        env = environment("http://127.0.0.1:9", CHECKOUT_SECRET_KEY="sk_sbox_" + "a" * 27)
        del env["CHECKOUT_CLIENT_ID"], env["CHECKOUT_CLIENT_SECRET"]
        done = await run("token", env=env)
        assert done.code == 2
        assert "needs no access token" in done.err


class TestSandbox:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    async def test_it_prints_how_to_use_it_and_runs_until_told_to_stop(
        self, source: Path, target: Path, number: signal.Signals
    ) -> None:
        process = await start("sandbox", "--port", "0", env=environment(""))
        exports = await read_exports(process)
        env = environment("") | exports
        assert (await run("token", env=env)).out.split()[4:] == [*SCOPES]
        done = await run(*AUTHENTICATE, write_lines(source, [request()]), "--output", target, env=env)
        assert done.code == 0
        process.send_signal(number)
        assert (await finish(process)).code == 0

    @pytest.mark.parametrize(
        ("options", "key", "shown"),
        [([], WEBHOOK_SECRET, WEBHOOK_SECRET), (["--webhook-secret", "mine"], "mine", "the key of --webhook-secret")],
        ids=["documented", "given"],
    )
    async def test_it_sends_signed_webhooks_to_a_url(self, options: list[str], key: str, shown: str) -> None:
        received: asyncio.Queue[webhooks.WebhookEvent] = asyncio.Queue()

        async def take(sent: web.Request) -> web.Response:
            received.put_nowait(webhooks.receive(await sent.read(), sent.headers, key))
            return web.Response()

        app = web.Application()
        app.router.add_post("/", take)
        async with TestServer(app) as merchant:
            url = str(merchant.make_url("/"))
            process = await start("sandbox", "--port", "0", "--webhook-url", url, *options, env=environment(""))
            exports = await read_exports(process)
            async with CheckoutClient.from_env(environment("") | exports) as checkout:
                await checkout.payments.request_payment(payment_order())
            event = await asyncio.wait_for(received.get(), timeout=30)
            process.send_signal(signal.SIGINT)
            assert f"Webhooks go to {url}, signed with {shown}." in (await finish(process)).out
        assert event.type == "payment_approved"

    @pytest.mark.parametrize(
        ("options", "problem"),
        [
            (["--webhook-url", "shop.example/webhooks"], "webhook_url must be an http or https address"),
            (["--webhook-secret", ""], "webhook_secret must not be empty: every webhook is signed"),
        ],
    )
    async def test_what_cannot_be_a_webhook_is_one_line(self, options: list[str], problem: str) -> None:
        done = await run("sandbox", "--port", "0", *options, env=environment(""))
        assert (done.code, done.out, done.err) == (2, "", f"checkout-async: {problem}\n")

    async def test_a_port_in_use_is_one_line(self, sandbox: Sandbox) -> None:
        port = sandbox.base_url.rpartition(":")[2]
        done = await run("sandbox", "--port", port, env=environment(""))
        assert done.code == 2
        assert done.err == f"checkout-async: cannot listen on port {port}: Address already in use\n"
