"""The 3DS Method: its form, its notification, and the limit of ten seconds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout_async import errors
from checkout_async.models import sessions
from checkout_async.threeds import (
    read_method_notification,
)
from checkout_async.threeds.emv import (
    CHECKOUT_METHOD_NOTIFICATION_URL,
    decode_json,
    encode_json,
    method_completion,
    method_data,
    method_form,
)
from tests.threeds.support import METHOD_URL, NOTIFY, TRANSACTION, session

# The integration guide's values, encoded by hand.
ENCODED = (
    "eyJ0aHJlZURTU2VydmVyVHJhbnNJRCI6IjlhZWE2NDFkLTA1NDktNDIyMi05Y2E5LWQ5MGI0M2E0ZjM4YyIsInRocmVlRFNNZXRob2ROb3RpZmlj"
    "YXRpb25VUkwiOiJodHRwczovL2FwaS5jaGVja291dC5jb20vc2Vzc2lvbnMtaW50ZXJjZXB0b3IvM2RzLW1ldGhvZC1ub3RpZmljYXRpb24ifQ"
)
NOTIFICATION = "eyJ0aHJlZURTU2VydmVyVHJhbnNJRCI6IjlhZWE2NDFkLTA1NDktNDIyMi05Y2E5LWQ5MGI0M2E0ZjM4YyJ9"
Completion = sessions.ThreeDsMethodCompletion
START = 1000.0


class TestData:
    def test_the_integration_guides_example(self) -> None:
        assert method_data(session(), CHECKOUT_METHOD_NOTIFICATION_URL) == ENCODED

    def test_the_form_goes_to_the_issuers_url(self) -> None:
        form = method_form(session("pending", "issuer_fingerprint"), NOTIFY)
        assert form is not None
        assert form.action == METHOD_URL
        assert decode_json(form.fields["threeDSMethodData"]) == {
            "threeDSServerTransID": TRANSACTION,
            "threeDSMethodNotificationURL": NOTIFY,
        }

    def test_an_issuer_without_a_3ds_method_has_no_form(self) -> None:
        assert method_form(session("pending", "collect_channel_data"), NOTIFY) is None

    @pytest.mark.parametrize("url", ["http://shop.example/", "https://shop.example/" + "a" * 256, ""])
    def test_an_unusable_notification_url_is_a_configuration_error(self, url: str) -> None:
        with pytest.raises(errors.ConfigurationError, match="notification URL"):
            method_data(session(), url)

    def test_a_session_without_a_transaction_is_malformed(self) -> None:
        with pytest.raises(errors.MalformedMessage, match="has no transaction_id"):
            method_data(session(transaction_id=None), NOTIFY)


class TestNotification:
    def test_it_names_the_transaction(self) -> None:
        assert read_method_notification({"threeDSMethodData": NOTIFICATION}).server_transaction_id == TRANSACTION

    def test_unknown_members_are_ignored(self) -> None:
        data = encode_json({"threeDSServerTransID": TRANSACTION, "more": 1})
        assert read_method_notification({"threeDSMethodData": data}).server_transaction_id == TRANSACTION

    @pytest.mark.parametrize(
        ("form", "reason"),
        [
            ({}, "the form has no such field"),
            ({"threeDSMethodData": " "}, "or it is empty"),
            ({"threeDSMethodData": b"file"}, "the form has no such field"),
            ({"threeDSMethodData": encode_json({})}, "missing required field `threeDSServerTransID`"),
            ({"threeDSMethodData": encode_json({"threeDSServerTransID": 1})}, "Expected `str`, got `int`"),
        ],
    )
    def test_anything_else_is_malformed(self, form: dict[str, object], reason: str) -> None:
        with pytest.raises(errors.MalformedMessage, match=reason) as raised:
            read_method_notification(form)
        assert raised.value.message == "threeDSMethodData"

    @given(st.text())
    def test_no_text_raises_anything_else(self, text: str) -> None:
        with pytest.raises(errors.MalformedMessage):
            read_method_notification({"threeDSMethodData": text})


class TestTenSeconds:
    @pytest.mark.parametrize(
        ("now", "notified_at", "completion"),
        [
            (START, None, None),
            (START + 9.99, None, None),
            (START + 10, None, Completion.N),
            (START + 3, START + 3, Completion.Y),
            (START + 60, START + 10, Completion.Y),
            (START + 10.01, START + 10.01, Completion.N),
        ],
    )
    def test_a_notification_in_time_is_y_and_otherwise_it_is_n(
        self, now: float, notified_at: float | None, completion: Completion | None
    ) -> None:
        assert method_completion(started_at=START, now=now, notified_at=notified_at) == completion
