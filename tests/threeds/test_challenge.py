"""The challenge: its request, its form, its response, and the merchant's data sent with them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout_async import errors
from checkout_async.threeds import (
    WindowSize,
    read_challenge_response,
)
from checkout_async.threeds.emv import (
    ChallengeResponse,
    ErrorMessage,
    challenge_form,
    challenge_request,
    decode_json,
    encode_base64url,
    encode_json,
    read_session_data,
)
from tests.threeds.support import ACS_TRANSACTION, ACS_URL, TRANSACTION, session

CRES = {
    "threeDSServerTransID": TRANSACTION,
    "acsTransID": ACS_TRANSACTION,
    "messageType": "CRes",
    "messageVersion": "2.2.0",
    "transStatus": "Y",
}
ERROR = CRES | {
    "messageType": "Erro",
    "errorCode": "203",
    "errorComponent": "A",
    "errorDescription": "Format",
    "errorDetail": "challengeWindowSize",
    "errorMessageType": "CReq",
}
CHALLENGED = session("challenged", "challenge_cardholder")


class TestRequest:
    @pytest.mark.parametrize("size", WindowSize)
    def test_it_contains_the_identifiers_and_the_window_size(self, size: WindowSize) -> None:
        assert decode_json(challenge_request(CHALLENGED, size)) == {
            "threeDSServerTransID": TRANSACTION,
            "acsTransID": ACS_TRANSACTION,
            "messageType": "CReq",
            "messageVersion": "2.2.0",
            "challengeWindowSize": size.value,
        }

    def test_the_version_is_the_sessions(self) -> None:
        request = decode_json(challenge_request(session("challenged", protocol_version="2.1.0")))
        assert request["messageVersion"] == "2.1.0"

    def test_no_padding(self) -> None:
        assert "=" not in challenge_request(CHALLENGED)

    def test_sizes_are_those_of_the_specification(self) -> None:
        sizes = {size.value: size.pixels for size in WindowSize}
        assert sizes == {"01": (250, 400), "02": (390, 400), "03": (500, 600), "04": (600, 400), "05": None}

    @pytest.mark.parametrize(
        ("members", "lacking"),
        [
            ({"acs": {"url": ACS_URL}}, "acs.transaction_id"),
            ({"acs": None, "protocol_version": None}, "acs.transaction_id, protocol_version"),
            ({"transaction_id": None}, "transaction_id"),
        ],
    )
    def test_members_that_the_session_lacks_are_named(self, members: dict[str, object], lacking: str) -> None:
        with pytest.raises(errors.MalformedMessage, match=f"the session has no {lacking};"):
            challenge_request(session("challenged", **members))


class TestForm:
    def test_it_goes_to_the_access_control_server(self) -> None:
        form = challenge_form(CHALLENGED, size=WindowSize.FULL_SCREEN)
        assert form.action == ACS_URL
        assert form.fields == {"creq": challenge_request(CHALLENGED, WindowSize.FULL_SCREEN)}

    def test_a_session_without_an_address_is_named(self) -> None:
        with pytest.raises(errors.MalformedMessage, match=r"acs\.url"):
            challenge_form(session("challenged", acs={"transaction_id": ACS_TRANSACTION}))

    def test_an_unsafe_address_is_refused(self) -> None:
        acs = {"transaction_id": ACS_TRANSACTION, "url": "http://issuer.example/"}
        with pytest.raises(errors.MalformedMessage, match="https"):
            challenge_form(session("challenged", acs=acs))

    @given(st.binary(min_size=1, max_size=768))
    def test_the_merchants_data_come_back_unchanged(self, data: bytes) -> None:
        fields = challenge_form(CHALLENGED, session_data=data).fields
        assert len(fields["threeDSSessionData"]) <= 1024
        assert read_session_data(fields) == data

    def test_data_that_are_too_long_are_refused(self) -> None:
        with pytest.raises(errors.MalformedMessage, match="longer than 1024 characters"):
            challenge_form(CHALLENGED, session_data=b"a" * 769)


class TestResponse:
    def test_a_final_response(self) -> None:
        response = read_challenge_response({"cres": encode_json(CRES)})
        assert isinstance(response, ChallengeResponse)
        assert (response.server_transaction_id, response.acs_transaction_id) == (TRANSACTION, ACS_TRANSACTION)
        assert (response.version, response.trans_status) == ("2.2.0", "Y")

    def test_a_status_this_version_does_not_know_is_kept(self) -> None:
        response = read_challenge_response({"cres": encode_json(CRES | {"transStatus": "Z"})})
        assert isinstance(response, ChallengeResponse)
        assert response.trans_status == "Z"

    def test_an_error_message_in_place_of_a_response(self) -> None:
        response = read_challenge_response({"cres": encode_json(ERROR)})
        assert isinstance(response, ErrorMessage)
        assert (response.error_code, response.error_component) == ("203", "A")
        assert (response.error_description, response.error_detail) == ("Format", "challengeWindowSize")
        assert response.error_message_type == "CReq"

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"messageType": "4111111111111111"}, "is not one of the message types expected here"),
            ({"messageType": "CReq"}, "is not one of the message types expected here"),
            ({"threeDSServerTransID": None}, "Expected `str`, got `null`"),
            ({"transStatus": {"a": "4111111111111111"}}, "got `object`"),
        ],
    )
    def test_anything_else_is_malformed_and_not_shown(self, change: dict[str, object], reason: str) -> None:
        with pytest.raises(errors.MalformedMessage, match=reason) as raised:
            read_challenge_response({"cres": encode_json(CRES | change)})
        assert "4111" not in str(raised.value)
        assert raised.value.__context__ is None

    @given(st.dictionaries(st.sampled_from([*CRES, *ERROR]), st.none() | st.text() | st.integers(), max_size=6))
    def test_no_object_raises_anything_else(self, changes: dict[str, object]) -> None:
        try:
            message = read_challenge_response({"cres": encode_base64url(json.dumps(CRES | changes).encode())})
            assert message.server_transaction_id == (CRES | changes)["threeDSServerTransID"]
        except errors.MalformedMessage as error:
            assert error.reason

    def test_a_response_without_the_merchants_data_has_none(self) -> None:
        assert read_session_data({"cres": encode_json(CRES)}) is None

    def test_returned_data_that_are_too_long_are_malformed(self) -> None:
        with pytest.raises(errors.MalformedMessage, match="longer than 1024"):
            read_session_data({"threeDSSessionData": "A" * 1025})
