"""TLS: only servers that prove who they are, private authorities and client certificates, and no off switch."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from checkout_async import CheckoutClient, RetryPolicy, SecretKey, errors
from checkout_async._core.wire import HttpRequest
from checkout_async.config import Limits, Timeouts
from checkout_async.errors import ConfigurationError
from checkout_async.sandbox import SECRET_KEY, Sandbox
from checkout_async.transport.aiohttp import AiohttpTransport
from tests.faults import certificates
from tests.transport.servers import ok, raw_server

UNKNOWN = "pay_nobodyhasthisoneinhere0000"


def client(sandbox: Sandbox, context: ssl.SSLContext | None) -> CheckoutClient:
    retry = RetryPolicy(attempts=1)
    return CheckoutClient(SecretKey(SECRET_KEY), base_url=sandbox.base_url, ssl_context=context, retry=retry)


async def failure(sandbox: Sandbox, context: ssl.SSLContext | None = None) -> errors.CheckoutError:
    async with client(sandbox, context) as checkout:
        with pytest.raises(errors.CheckoutError) as caught:
            await checkout.payments.get_payment(UNKNOWN)
    return caught.value


class TestTheServer:
    async def test_a_private_authority_is_trusted_where_it_is_given(self) -> None:
        async with Sandbox(ssl_context=certificates.server()) as sandbox:
            assert sandbox.base_url.startswith("https://")
            assert isinstance(await failure(sandbox, certificates.trusting()), errors.NotFound)

    async def test_it_is_not_trusted_otherwise_and_the_error_says_what_to_do(self) -> None:
        async with Sandbox(ssl_context=certificates.server()) as sandbox:
            error = await failure(sandbox)
        assert isinstance(error, errors.ConnectFailed)
        assert "certificate was not accepted" in str(error)
        assert "ssl_context" in str(error)
        assert "nothing was sent" in str(error)
        assert sandbox.requests == ()

    async def test_authorities_of_the_environment_are_read_at_the_first_request(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        bundle = tmp_path / "authority.pem"
        bundle.write_bytes(certificates.authority().cert_pem.bytes())
        async with Sandbox(ssl_context=certificates.server()) as sandbox:
            assert isinstance(await failure(sandbox), errors.ConnectFailed)
            async with client(sandbox, None) as checkout:
                monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
                with pytest.raises(errors.NotFound):
                    await checkout.payments.get_payment(UNKNOWN)
            monkeypatch.delenv("SSL_CERT_FILE")
            assert isinstance(await failure(sandbox), errors.ConnectFailed)

    async def test_a_server_that_speaks_http_2_too_is_asked_for_http_1_1(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        bundle = tmp_path / "authority.pem"
        bundle.write_bytes(certificates.authority().cert_pem.bytes())
        monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
        context = certificates._server(certificates.authority().issue_cert(certificates.HOST))
        context.set_alpn_protocols(["h2", "http/1.1"])
        chosen: list[str | None] = []

        async def behave(writer: asyncio.StreamWriter, number: int) -> None:
            chosen.append(writer.get_extra_info("ssl_object").selected_alpn_protocol())
            await ok(writer, number)

        transport = AiohttpTransport(Limits())
        async with raw_server(behave, context) as server:
            await transport.send(HttpRequest(method="GET", url=server.url, headers={}), Timeouts())
            await transport.aclose()
        assert chosen == ["http/1.1"]

    async def test_connections_are_kept(self) -> None:
        async with (
            Sandbox(ssl_context=certificates.server()) as sandbox,
            client(sandbox, certificates.trusting()) as checkout,
        ):
            for _ in range(3):
                with pytest.raises(errors.NotFound):
                    await checkout.payments.get_payment(UNKNOWN)
            assert sandbox._runner is not None
            assert sandbox._runner.server is not None
            assert len(sandbox._runner.server.connections) == 1


class TestClientCertificates:
    async def test_one_of_the_right_authority_is_accepted(self) -> None:
        own = certificates.authority().issue_cert("client@merchant.example")
        async with Sandbox(ssl_context=certificates.demanding()) as sandbox:
            assert isinstance(await failure(sandbox, certificates.trusting(own)), errors.NotFound)

    async def test_without_one_tls_1_2_makes_no_connection(self) -> None:
        demanding = certificates.demanding()
        demanding.maximum_version = ssl.TLSVersion.TLSv1_2
        async with Sandbox(ssl_context=demanding) as sandbox:
            assert isinstance(await failure(sandbox, certificates.trusting()), errors.ConnectFailed)
        assert sandbox.requests == ()

    async def test_without_one_tls_1_3_refuses_after_the_request_was_written(self) -> None:
        # The client's part of the handshake is over by then (RFC 8446 section 2): it cannot know what was read.
        async with Sandbox(ssl_context=certificates.demanding()) as sandbox:
            assert isinstance(await failure(sandbox, certificates.trusting()), errors.OutcomeUnknown)
        assert sandbox.requests == ()


def never_verifying() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def verifying_if_possible() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


def of_any_host() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    return context


class TestVerification:
    @pytest.mark.parametrize(
        "context", [never_verifying(), verifying_if_possible(), of_any_host(), certificates.server()], ids=range(4)
    )
    def test_it_cannot_be_turned_off(self, context: ssl.SSLContext) -> None:
        with pytest.raises(ConfigurationError, match="verification cannot be turned off"):
            AiohttpTransport(Limits(), context)

    @pytest.mark.parametrize("context", [False, True, "none"])
    def test_nor_by_what_other_libraries_take(self, context: ssl.SSLContext) -> None:
        with pytest.raises(ConfigurationError, match="ssl_context must be SSLContext"):
            AiohttpTransport(Limits(), context)
