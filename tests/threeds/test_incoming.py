"""Browser events and callbacks are read and matched to their session."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout_async import errors
from checkout_async.threeds import (
    read_browser_event,
    read_callback,
    read_challenge_response,
    read_method_notification,
)
from checkout_async.threeds.emv import (
    ChallengeNotification,
    MethodNotification,
    belongs_to,
    encode_json,
)
from tests.threeds.support import SID, TRANSACTION, session

OTHER = "352455b7-b3b1-4696-a916-69e2e4274e6c"
CALLBACK = {"session_id": SID, "amount": 6540, "currency": "GBP", "status": "approved", "cryptogram": "c" * 28}


class TestBrowserEvents:
    @pytest.mark.parametrize("written", [False, True])
    def test_the_end_of_the_3ds_method(self, written: bool) -> None:
        data: dict[str, object] = {"threeDSServerTransID": TRANSACTION}
        event = read_browser_event(json.dumps(data) if written else data)
        assert event == MethodNotification(server_transaction_id=TRANSACTION)

    @pytest.mark.parametrize("status", "YNUAR")
    def test_the_end_of_the_challenge(self, status: str) -> None:
        event = read_browser_event({"transStatus": status, "threeDSServerTransID": OTHER})
        assert isinstance(event, ChallengeNotification)
        assert (event.trans_status, event.server_transaction_id) == (status, OTHER)

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            ({"source": "react-devtools"}, "missing required field"),
            ({"transStatus": 1, "threeDSServerTransID": OTHER}, "Expected `str`"),
            ("webpackHotUpdate", "is not JSON"),
            ("[]", "Expected `object`"),
            ("\ud800", "is not JSON"),
            ({"a": object()}, "cannot be written as JSON"),
            ("x" * 20_000, "is longer than"),
        ],
    )
    def test_messages_of_other_scripts_are_malformed(self, data: str | dict[str, object], reason: str) -> None:
        with pytest.raises(errors.MalformedMessage, match=reason):
            read_browser_event(data)

    @given(st.text() | st.binary() | st.dictionaries(st.text(), st.none() | st.text()))
    def test_nothing_raises_anything_else(self, data: str | bytes | dict[str, object]) -> None:
        with pytest.raises(errors.MalformedMessage):
            read_browser_event(data)


class TestCallback:
    def test_it_is_typed_and_keeps_unknown_values(self) -> None:
        callback = read_callback(json.dumps(CALLBACK | {"status": "postponed", "new": 1}).encode())
        assert (callback.session_id, callback.amount, callback.status) == (SID, 6540, "postponed")

    def test_it_shows_no_cryptogram(self) -> None:
        assert "ccc" not in repr(read_callback(json.dumps(CALLBACK).encode()))

    def test_it_is_accepted_for_its_session_and_no_other(self) -> None:
        body = json.dumps(CALLBACK).encode()
        assert read_callback(body, session()).session_id == SID
        with pytest.raises(errors.MalformedMessage, match="about another session"):
            read_callback(body, session(id="sid_" + "b" * 26))

    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            (b"", "it is empty"),
            (b"{", "it is not valid JSON"),
            (b"[]", "Expected `object`"),
            (b'{"status": "approved"}', "missing required field `session_id`"),
            (b" " * 70_000, "is longer than"),
        ],
    )
    def test_anything_else_is_malformed(self, body: bytes, reason: str) -> None:
        with pytest.raises(errors.MalformedMessage, match=reason):
            read_callback(body)

    @given(st.binary())
    def test_no_bytes_raise_anything_else(self, body: bytes) -> None:
        with pytest.raises(errors.MalformedMessage):
            read_callback(body)


class TestMatching:
    def test_every_message_of_the_browser_is_matched_by_its_transaction(self) -> None:
        identifier = {"threeDSServerTransID": TRANSACTION}
        messages = [
            read_method_notification({"threeDSMethodData": encode_json(identifier)}),
            read_browser_event(identifier | {"transStatus": "Y"}),
            read_challenge_response({"cres": encode_json(identifier | {"messageType": "CRes"})}),
            read_challenge_response({"cres": encode_json(identifier | {"messageType": "Erro"})}),
        ]
        assert [belongs_to(message, session()) for message in messages] == [True] * 4
        assert [belongs_to(message, session(transaction_id=OTHER)) for message in messages] == [False] * 4
        assert [belongs_to(message, session(transaction_id=None)) for message in messages] == [False] * 4

    def test_an_error_message_without_a_transaction_contradicts_none(self) -> None:
        assert belongs_to(read_challenge_response({"cres": encode_json({"messageType": "Erro"})}), session())

    def test_a_uuid_is_the_same_in_upper_case(self) -> None:
        assert belongs_to(MethodNotification(server_transaction_id=TRANSACTION.upper()), session())

    @given(st.text())
    def test_any_text_may_be_compared(self, text: str) -> None:
        assert not belongs_to(MethodNotification(server_transaction_id=text), session())
