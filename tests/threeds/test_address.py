"""The cardholder's address comes from the connection or from trusted proxies; a cardholder cannot forge it."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout_async import errors
from checkout_async.threeds import client_address

TRUSTED = ["10.0.0.0/8", ip_network("2001:db8:1::/48")]


class TestWithoutProxies:
    def test_the_connection_has_the_address_and_the_header_is_ignored(self) -> None:
        assert client_address("192.0.2.7", "203.0.113.9") == "192.0.2.7"

    def test_the_header_of_an_untrusted_peer_is_ignored(self) -> None:
        assert client_address("192.0.2.7", "203.0.113.9", TRUSTED) == "192.0.2.7"


class TestBehindProxies:
    @pytest.mark.parametrize(
        ("forwarded", "address"),
        [
            ("203.0.113.9", "203.0.113.9"),
            ("198.51.100.66, 203.0.113.9", "203.0.113.9"),
            ("127.0.0.1, 203.0.113.9, 10.3.0.1,10.2.0.1", "203.0.113.9"),
            ("203.0.113.9, 2001:db8:1::5", "203.0.113.9"),
            ("2001:DB8::7", "2001:db8::7"),
            ("[2001:db8::7]:4711", "2001:db8::7"),
            ('"[2001:db8::7]"', "2001:db8::7"),
            ("203.0.113.9:4711", "203.0.113.9"),
            ("::ffff:203.0.113.9", "203.0.113.9"),
            ("10.3.0.1", "10.3.0.1"),
            ("", "10.1.0.1"),
            (" , ", "10.1.0.1"),
        ],
    )
    def test_the_first_address_from_the_right_that_is_not_a_proxy(self, forwarded: str, address: str) -> None:
        assert client_address("10.1.0.1", forwarded, TRUSTED) == address

    @pytest.mark.parametrize("junk", ["unknown", "_hidden", "<script>", "1.2.3", "\ud800"])
    def test_an_entry_that_the_cardholder_wrote_may_be_anything(self, junk: str) -> None:
        assert client_address("10.1.0.1", f"{junk}, 203.0.113.9, 10.2.0.1", TRUSTED) == "203.0.113.9"

    @given(st.text(), st.ip_addresses(network="203.0.113.0/24") | st.ip_addresses(network="2001:db8:2::/48"))
    def test_what_the_cardholder_sends_cannot_change_what_the_proxy_adds(self, sent: str, true: object) -> None:
        assert client_address("10.1.0.1", f"{sent}, {true}", TRUSTED) == str(true)


class TestRefusing:
    @pytest.mark.parametrize("junk", ["unknown", "_hidden", "<script>", "1.2.3", "\ud800"])
    @pytest.mark.parametrize("behind", ["", ", 10.2.0.1"])
    def test_an_entry_of_a_trusted_proxy_that_is_not_an_address(self, junk: str, behind: str) -> None:
        with pytest.raises(errors.MalformedMessage, match="X-Forwarded-For: the entry") as caught:
            client_address("10.1.0.1", f"203.0.113.9, {junk}{behind}", TRUSTED)
        assert junk not in str(caught.value)

    @pytest.mark.parametrize("peer", ["", "unix:", "/run/shop.sock", "example.com"])
    def test_a_connection_without_an_address(self, peer: str) -> None:
        with pytest.raises(errors.MalformedMessage, match="is not an IP address"):
            client_address(peer)

    @pytest.mark.parametrize("network", ["10.0.0.1/8", "proxy.example", ""])
    def test_a_text_that_is_not_a_network(self, network: str) -> None:
        with pytest.raises(errors.ConfigurationError, match="trusted proxies"):
            client_address("192.0.2.7", "", [network])

    def test_one_text_in_place_of_a_list(self) -> None:
        with pytest.raises(errors.ConfigurationError, match="a list of networks"):
            client_address("192.0.2.7", "", "10.0.0.0/8")
