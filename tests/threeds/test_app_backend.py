"""The example of a mobile backend: what the phone receives, what stays on the server, and what it refuses."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import msgspec
import pytest

from checkout_async import errors, threeds
from checkout_async.sandbox import Sandbox
from examples import app_backend
from examples.app_backend import Backend, Phone, serve
from tests.threeds.support import skip_waits

TOKEN = "tok_" + "a" * 26


@pytest.fixture
async def backend(sandbox: Sandbox) -> AsyncIterator[Backend]:
    async with sandbox.client(scopes=["sessions:app"]) as checkout:
        yield Backend(checkout)


@pytest.fixture
async def http(backend: Backend) -> AsyncIterator[aiohttp.ClientSession]:
    async with serve(backend.application()) as session:
        yield session


class RecordingPhone(Phone):
    """A phone that records the responses of the backend."""

    def __init__(self, http: aiohttp.ClientSession, sandbox: Sandbox, trans_status: str | None) -> None:
        self.received = b""

        async def answer_challenge() -> None:
            (session_id,) = sandbox.sessions
            if trans_status is not None:
                await sandbox.cardholder.complete_challenge(session_id, trans_status)

        super().__init__(http, answer_challenge)

    async def _post(self, path: str, body: bytes) -> bytes:
        reply = await super()._post(path, body)
        self.received += reply
        return reply


async def test_the_phone_receives_keys_and_signed_content_and_the_backend_the_proof(
    backend: Backend, http: aiohttp.ClientSession, sandbox: Sandbox
) -> None:
    phone = RecordingPhone(http, sandbox, "Y")
    number, verdict = await phone.pay(TOKEN)
    assert verdict is threeds.Verdict.AUTHENTICATED
    result = await backend.result(number)
    assert result is not None
    assert (result.verdict, result.eci, result.three_ds().authentication_id) == (verdict, "05", result.session.id)
    assert b"ds_public" in phone.received
    assert b"acsSignedContent" in phone.received
    for secret in (result.cryptogram, result.session.session_secret, result.session.id):
        assert secret is not None
        assert secret.encode() not in phone.received


async def test_a_failed_challenge_gives_no_payment_data(
    backend: Backend, http: aiohttp.ClientSession, sandbox: Sandbox
) -> None:
    number, verdict = await RecordingPhone(http, sandbox, "N").pay(TOKEN)
    assert verdict is threeds.Verdict.DECLINED
    result = await backend.result(number)
    assert result is not None
    with pytest.raises(errors.InvalidRequest, match="the cardholder is not authenticated"):
        result.three_ds()


async def test_a_return_without_a_finished_challenge_gives_no_verdict(
    backend: Backend, http: aiohttp.ClientSession, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_waits(monkeypatch)
    number, verdict = await RecordingPhone(http, sandbox, None).pay(TOKEN)
    assert verdict is None
    assert await backend.result(number) is None


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        (b"", 400, "truncated"),
        (b'{"token": 1}', 400, "Expected `str`"),
        (b'{"token": "\xff"}', 400, "utf-8"),
        (b'{"token": "4111111111111111"}', 422, "The payment cannot be made."),
    ],
)
async def test_a_malformed_order_is_refused_and_not_shown(
    http: aiohttp.ClientSession, body: bytes, status: int, text: str
) -> None:
    async with http.post("/transactions", data=body) as reply:
        assert reply.status == status
        shown = await reply.text()
        assert text in shown
        assert "4111" not in shown


async def test_a_request_out_of_order_or_for_an_unknown_transaction_is_refused(http: aiohttp.ClientSession) -> None:
    async with http.post("/transactions", data=msgspec.json.encode({"token": TOKEN})) as reply:
        path = f"/transactions/{msgspec.json.decode(await reply.read())['number']}"
    for where, body, status in (
        (f"{path}/returned", b"", 409),
        (f"{path}/parameters", b"{}", 400),
        (f"{path}/parameters", b" " * 70_000, 400),
        ("/transactions/guessed/returned", b"", 404),
    ):
        async with http.post(where, data=body) as reply:
            assert reply.status == status
            assert await reply.text()


async def test_the_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    await app_backend.main()
    assert "the backend may pay: approved, eci 05" in capsys.readouterr().out
