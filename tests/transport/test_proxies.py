"""Proxies: used only on request, with credentials that are never shown, and correct about what was sent."""

from __future__ import annotations

import socket
import ssl
from base64 import b64encode
from pathlib import Path

import pytest
from yarl import URL

from checkout_async import CheckoutClient, OAuthCredentials, SecretKey
from checkout_async._core.wire import HttpRequest
from checkout_async.config import Limits, Timeouts, check_proxy
from checkout_async.errors import ConfigurationError, ConnectFailed, TransportError
from checkout_async.sandbox import SECRET_KEY, CannedResponse, Sandbox
from checkout_async.transport.aiohttp import AiohttpTransport
from checkout_async.transport.proxies import Proxies
from tests.faults import certificates
from tests.transport.proxy import proxy

CREDENTIAL = "Bearer hush-hush"
USER = "merchant:open%20sesame"
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _no_proxies_around(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


async def status(url: str, *, proxy: str | None = None, from_env: bool = False) -> int:
    """Ask for a payment, and return the status of the answer."""
    context = certificates.trusting() if url.startswith("https") else None
    transport = AiohttpTransport(Limits(), context, proxy=proxy, proxies_from_env=from_env)
    request = HttpRequest(method="GET", url=f"{url}/payments/pay_x", headers={"Authorization": CREDENTIAL})
    try:
        return (await transport.send(request, Timeouts(attempt=10))).status
    finally:
        await transport.aclose()


@pytest.fixture
def server() -> ssl.SSLContext:
    return certificates.server()


class TestThroughAProxy:
    async def test_an_https_request_goes_through_a_tunnel_that_shows_the_host_alone(
        self, server: ssl.SSLContext
    ) -> None:
        async with Sandbox(ssl_context=server) as sandbox, proxy() as relay:
            assert await status(sandbox.base_url, proxy=relay.url()) == 401
        [head] = relay.heads
        assert head.startswith(b"CONNECT 127.0.0.1:%d " % (URL(sandbox.base_url).port or 0))
        assert b"hush" not in head

    async def test_its_user_and_password_go_to_it_and_no_further(self, server: ssl.SSLContext) -> None:
        async with Sandbox(ssl_context=server) as sandbox, proxy() as relay:
            assert await status(sandbox.base_url, proxy=relay.url(USER)) == 401
        assert b"Proxy-Authorization: Basic " + b64encode(b"merchant:open sesame") in relay.heads[0]

    async def test_a_plain_request_to_a_simulator_is_seen_by_it(self) -> None:
        async with Sandbox() as sandbox, proxy() as relay:
            assert await status(sandbox.base_url, proxy=relay.url(USER)) == 401
        assert relay.heads[0].startswith(f"GET {sandbox.base_url}/payments/pay_x ".encode())
        assert b"Proxy-Authorization: Basic " in relay.heads[0]

    async def test_a_server_that_is_not_trusted_is_not_trusted_through_it(self) -> None:
        async with Sandbox(ssl_context=certificates.untrusted()) as sandbox, proxy() as relay:
            with pytest.raises(ConnectFailed, match="its TLS certificate was not accepted") as caught:
                await status(sandbox.base_url, proxy=relay.url())
        assert sandbox.base_url.removeprefix("https://") in caught.value.reason


class TestNothingWasSent:
    @pytest.mark.parametrize("refusal", [b"407 Proxy Authentication Required", b"403 Forbidden", b"502 Bad Gateway"])
    async def test_when_the_proxy_refuses(self, server: ssl.SSLContext, refusal: bytes) -> None:
        async with Sandbox(ssl_context=server) as sandbox, proxy(refusal) as relay:
            with pytest.raises(ConnectFailed) as caught:
                await status(sandbox.base_url, proxy=relay.url(USER))
        assert f"the proxy refused to connect to the API (status {refusal[:3].decode()})" in str(caught.value)
        assert "sesame" not in str(caught.value)
        assert sandbox.requests == ()

    async def test_when_it_wants_a_password_before_it_forwards(self) -> None:
        async with Sandbox() as sandbox, proxy(b"407 Proxy Authentication Required") as relay:
            with pytest.raises(ConnectFailed, match="status 407") as caught:
                await status(sandbox.base_url, proxy=relay.url())
        assert caught.value.reason == "the proxy refused to connect to the API (status 407)"

    async def test_but_through_a_tunnel_the_same_status_is_the_servers(self, server: ssl.SSLContext) -> None:
        async with Sandbox(ssl_context=server) as sandbox, proxy() as relay:
            sandbox.faults.add("get_payment", CannedResponse(407))
            assert await status(sandbox.base_url, proxy=relay.url()) == 407

    async def test_and_without_a_proxy_it_is_the_servers(self) -> None:
        async with Sandbox() as sandbox:
            sandbox.faults.add("get_payment", CannedResponse(407))
            assert await status(sandbox.base_url) == 407

    async def test_when_it_cannot_be_reached(self) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            where = f"127.0.0.1:{unused.getsockname()[1]}"
            with pytest.raises(ConnectFailed, match=f"the proxy {where} could not be reached") as caught:
                await status("https://127.0.0.1:9", proxy=f"http://{USER}@{where}")
        assert "sesame" not in f"{caught.value!r} {vars(caught.value)} {caught.value.__context__!r}"

    async def test_when_its_name_cannot_be_resolved(self) -> None:
        with pytest.raises(ConnectFailed, match=r"the host name nowhere\.invalid could not be resolved") as caught:
            await status("https://127.0.0.1:9", proxy=f"http://{USER}@nowhere.invalid:3128")
        assert "sesame" not in f"{caught.value!r} {vars(caught.value)} {caught.value.__context__!r}"

    async def test_when_it_does_not_speak_http(self) -> None:
        async with proxy(b"\0\0\0") as relay:
            with pytest.raises(TransportError) as caught:
                await status("https://127.0.0.1:9", proxy=relay.url())
        assert isinstance(caught.value, ConnectFailed)


class TestTheEnvironment:
    async def test_it_is_ignored_unless_asked_for(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("NETRC", str(_netrc(tmp_path)))
        async with Sandbox() as sandbox, proxy() as relay:
            for name in ("HTTP_PROXY", "ALL_PROXY"):
                monkeypatch.setenv(name, relay.url())
            assert await status(sandbox.base_url) == 401
        assert relay.heads == []

    async def test_asked_for_it_names_the_proxy_but_no_credential(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("NETRC", str(_netrc(tmp_path)))
        async with Sandbox() as sandbox, proxy() as relay:
            monkeypatch.setenv("HTTP_PROXY", relay.url())
            assert await status(sandbox.base_url, from_env=True) == 401
        assert b"Authorization: Bearer hush-hush\r\n" in relay.heads[0]
        assert [record.authorization for record in sandbox.requests] == ["bearer"]

    def test_hosts_are_exempt_by_name_domain_and_port(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
        monkeypatch.setenv("NO_PROXY", "a.example, .b.example ,*.c.example,d.example:8443")
        proxies = Proxies(None, from_env=True)
        exempt = ["a.example", "x.a.example", "b.example", "x.b.example", "x.c.example", "d.example:8443"]
        others = ["aa.example", "example", "d.example", "api.checkout.com"]
        assert [host for host in exempt + others if proxies.proxy_for(URL(f"https://{host}/")) is None] == exempt

    @pytest.mark.parametrize(
        ("entry", "exempt"),
        [
            ("10.0.0.0/8", ["10.1.2.3"]),
            ("10.1.2.3/8", ["10.1.2.3"]),
            ("10.1.2.3", ["10.1.2.3"]),
            ("10.1.2.3:443", ["10.1.2.3"]),
            ("10.1.2.3:8443", []),
            ("::1", ["[::1]"]),
            ("[::1]", ["[::1]"]),
            ("[0:0::1]:443", ["[::1]"]),
            ("[::1]:8443", []),
            ("2001:DB8::/32", ["[2001:db8::7]"]),
            ("[2001:db8::]/32", ["[2001:db8::7]"]),
            ("::/0", ["[::1]", "[2001:db8::7]"]),
            ("10.0.0.0/33", []),
            ("[", []),
            ("*:443", ["10.1.2.3", "[::1]", "[2001:db8::7]", "api.checkout.com"]),
        ],
    )
    def test_addresses_are_exempt_by_network_and_in_brackets(
        self, monkeypatch: pytest.MonkeyPatch, entry: str, exempt: list[str]
    ) -> None:
        monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
        monkeypatch.setenv("NO_PROXY", entry)
        proxies = Proxies(None, from_env=True)
        hosts = ["10.1.2.3", "[::1]", "[2001:db8::7]", "api.checkout.com"]
        assert [host for host in hosts if proxies.proxy_for(URL(f"https://{host}/")) is None] == exempt

    def test_a_star_exempts_everything(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ALL_PROXY", "http://proxy.example:3128")
        assert Proxies(None, from_env=True).proxy_for(URL("https://a.example")) is not None
        monkeypatch.setenv("NO_PROXY", "*")
        assert Proxies(None, from_env=True).proxy_for(URL("https://a.example")) is None

    def test_a_proxy_that_cannot_be_used_is_refused_by_the_name_of_its_variable(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HTTPS_PROXY", f"socks5://{USER}@proxy.example")
        proxies = Proxies(None, from_env=True)
        for _ in range(2):
            with pytest.raises(ConfigurationError, match="HTTPS_PROXY must be") as caught:
                proxies.proxy_for(URL("https://a.example"))
            assert "sesame" not in str(caught.value)

    @pytest.mark.parametrize(
        "variables",
        [
            {"HTTPS_PROXY": "http://proxy.example", "HTTP_PROXY": "socks5://sesame", "ALL_PROXY": "socks5://sesame"},
            {"HTTP_PROXY": "https://sesame", "FTP_PROXY": "nonsense"},
            {"ALL_PROXY": "socks5://sesame", "NO_PROXY": "127.0.0.1"},
        ],
    )
    async def test_one_that_no_request_needs_is_not_judged(
        self, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
    ) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        async with _client("https://127.0.0.1:8443"):
            pass

    def test_one_that_a_client_needs_is_judged_when_the_client_is_created(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ALL_PROXY", "socks5://sesame")
        with pytest.raises(ConfigurationError, match="ALL_PROXY must be") as caught:
            _client("https://127.0.0.1:8443")
        assert "sesame" not in str(caught.value)

    def test_the_one_for_the_token_endpoint_is_judged_where_there_are_tokens(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ALL_PROXY", "socks5://sesame")
        monkeypatch.setenv("NO_PROXY", "api.sandbox.checkout.com")
        CheckoutClient(SecretKey(SECRET_KEY), environment="sandbox", subdomain="vkuhvk4v", proxies_from_env=True)
        with pytest.raises(ConfigurationError, match="ALL_PROXY must be"):
            CheckoutClient(
                OAuthCredentials("ack_x", "secret", scopes=[]),
                environment="sandbox",
                subdomain="vkuhvk4v",
                proxies_from_env=True,
            )

    def test_one_that_was_given_goes_with_no_other(self) -> None:
        with pytest.raises(ConfigurationError, match="not both"):
            Proxies("http://proxy.example:3128", from_env=True)


class TestTheUrl:
    @pytest.mark.parametrize("url", ["http://p", "http://p:3128/", "http://u@p:1", "http://u:p%40ss@[::1]:3128"])
    def test_host_port_user_and_password(self, url: str) -> None:
        assert check_proxy(url) == url

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "p:3128",
            "https://p",
            "socks5://sesame@p",
            "http://",
            "http://p:x",
            "http://p/sesame",
            "http://p?sesame",
            "http://p#sesame",
            "http://p q",
            "http://p\n",
            "http://sesame%3Au:p@p",
            "http://u:sesame%0A@p",
            "http://u:sesame%E2%82%AC@p",
        ],
    )
    def test_what_cannot_be_used_is_refused_without_showing_it(self, url: str) -> None:
        with pytest.raises(ConfigurationError, match="proxy must") as caught:
            check_proxy(url)
        assert "sesame" not in str(caught.value)

    def test_no_repr_shows_a_password(self) -> None:
        transport = AiohttpTransport(Limits(), proxy=f"http://{USER}@proxy.example:3128")
        assert "sesame" not in f"{transport!r} {transport._proxies!r}"


def _client(base_url: str) -> CheckoutClient:
    return CheckoutClient(SecretKey(SECRET_KEY), base_url=base_url, proxies_from_env=True)


def _netrc(folder: Path) -> Path:
    path = folder / "netrc"
    path.write_text("machine 127.0.0.1 login somebody password else\n")
    path.chmod(0o600)
    return path
