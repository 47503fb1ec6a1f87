"""The app channel: channel data from the parameters of a 3DS SDK, and the SDK's challenge from a session."""

from __future__ import annotations

import json

import msgspec
import pytest

from checkout_async import errors
from checkout_async._core.body import encode_body
from checkout_async.models import sessions
from checkout_async.threeds import (
    app_channel_data,
    read_sdk_parameters,
)
from checkout_async.threeds.emv import (
    app_challenge,
)
from tests.threeds.support import ACS_TRANSACTION, TRANSACTION, session

KEY = {"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8T", "y": "x_FEzRu9m36H"}
SENT = {
    "deviceData": "eyJhbGciOiJkaXIifQ..aXY.Y2lwaGVydGV4dA.dGFn",
    "sdkTransactionID": "b2385523-a66c-4907-ac3c-91848e8c0067",
    "sdkAppID": "dbd64fcb-c19a-4728-8849-e3d50bfdde39",
    "sdkReferenceNumber": "3DS_LOA_SDK_PPFU_020100_00007",
    "sdkEphemeralPublicKey": KEY,
    "messageVersion": "2.2.0",
}
ACS = {"transaction_id": ACS_TRANSACTION, "reference_number": "ACS-1", "signed_content": "a.b.c"}


class TestChannelData:
    @pytest.mark.parametrize("key", [KEY, json.dumps(KEY), KEY | {"kid": "1", "use": "sig"}])
    def test_the_parameters_of_the_sdk_fit_the_specification(self, key: object) -> None:
        data = app_channel_data(read_sdk_parameters(json.dumps(SENT | {"sdkEphemeralPublicKey": key})))
        sent = json.loads(encode_body("test", data, sessions.AppChannelData))
        assert sent == {
            "channel": "app",
            "sdk_app_id": SENT["sdkAppID"],
            "sdk_max_timeout": 5,
            "sdk_ephem_pub_key": KEY,
            "sdk_reference_number": SENT["sdkReferenceNumber"],
            "sdk_encrypted_data": SENT["deviceData"],
            "sdk_transaction_id": SENT["sdkTransactionID"],
            "sdk_interface_type": "both",
            "sdk_ui_elements": ["text", "single_select", "multi_select", "oob", "html_other"],
        }

    def test_an_sdk_may_show_less_and_wait_longer(self) -> None:
        data = app_channel_data(
            read_sdk_parameters(json.dumps(SENT)),
            timeout=10,
            interface=sessions.SdkInterfaceType.HTML,
            elements=[sessions.UiElement.HTML_OTHER],
        )
        assert (data.sdk_max_timeout, data.sdk_interface_type, data.sdk_ui_elements) == (10, "html", ["html_other"])

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"deviceData": None}, "Expected `str`"),
            ({"sdkEphemeralPublicKey": "{"}, "key: is not JSON"),
            ({"sdkEphemeralPublicKey": {"x": 1}}, "key: Expected `str"),
        ],
    )
    def test_anything_else_is_malformed(self, change: dict[str, object], reason: str) -> None:
        with pytest.raises(errors.MalformedMessage, match=reason):
            app_channel_data(read_sdk_parameters(json.dumps(SENT | change)))

    @pytest.mark.parametrize(("blank", "unit"), [(" ", "characters"), (b" ", "bytes")])
    def test_a_body_that_is_too_long_is_not_parsed(self, blank: str | bytes, unit: str) -> None:
        with pytest.raises(errors.MalformedMessage, match=f"SDK parameters: are longer than 65536 {unit}"):
            read_sdk_parameters(blank * 65_537)

    def test_the_longest_device_data_fit(self) -> None:
        assert len(read_sdk_parameters(json.dumps(SENT | {"deviceData": "e" * 64_000})).device_data) == 64_000


class TestChallenge:
    def test_the_challenge_has_the_names_of_the_sdk(self) -> None:
        challenge = app_challenge(session("challenged", acs=ACS))
        assert json.loads(msgspec.json.encode(challenge)) == {
            "threeDSServerTransactionID": TRANSACTION,
            "acsTransactionID": ACS_TRANSACTION,
            "acsRefNumber": "ACS-1",
            "acsSignedContent": "a.b.c",
        }

    @pytest.mark.parametrize("acs", [None, {name: value for name, value in ACS.items() if name != "signed_content"}])
    def test_a_challenge_for_a_browser_is_not_one_for_an_app(self, acs: object) -> None:
        with pytest.raises(errors.MalformedMessage, match=r"no challenge for an app"):
            app_challenge(session("challenged", acs=acs))
