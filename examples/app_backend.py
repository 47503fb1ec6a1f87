"""The backend of a mobile app: 3D Secure that the EMV 3DS SDK in the app runs, with a stand-in for the phone.

Runs against the embedded simulator: `python examples/app_backend.py`. With the real sandbox, only the client differs
(its scope is `sessions:app`), and the phone is a real one. What the app gets is no secret and what it says is no proof:
the verdict is the session's, and the proof stays with the backend in a `threeds.ThreeDSResult`.
"""

from __future__ import annotations

import asyncio
import secrets
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from checkout_async import CheckoutClient, errors, threeds
from checkout_async.models import sessions
from checkout_async.sandbox import Sandbox, amount

AMOUNT, CURRENCY = amount("challenge"), "GBP"  # in the minor unit; the simulator answers this one with a challenge


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What the app asks for: a token of the card, which Checkout.com's SDK for cards made on the phone."""

    token: str


class Transaction(msgspec.Struct, frozen=True, kw_only=True):
    """What the app begins the 3DS SDK's transaction with, and the number under which the backend knows it."""

    number: str
    scheme: str
    protocol_version: str
    certificates: sessions.DsPublicKeys


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the app does next: have the SDK run a challenge, or show how it ended; `undecided`: say again it is back."""

    challenge: threeds.emv.AppChallenge | None = None
    verdict: threeds.Verdict | None = None


class Backend:
    """Holds the access token and a driver for each transaction. Three endpoints, all for the app."""

    def __init__(self, checkout: CheckoutClient) -> None:
        self._checkout = checkout
        self._drivers: dict[str, threeds.Driver] = {}  # by a number that nobody can guess

    def application(self) -> web.Application:
        """Return the endpoints."""
        app = web.Application(middlewares=[_explained], client_max_size=128 * 1024)
        app.router.add_post("/transactions", self._begin)
        app.router.add_post("/transactions/{number}/parameters", self._parameters)
        app.router.add_post("/transactions/{number}/returned", self._returned)
        return app

    async def result(self, number: str) -> threeds.ThreeDSResult | None:
        """Return how a transaction ended, or None where it has not. `result.three_ds()` goes into the payment."""
        step = await self._drivers[number].advance()
        return step.result if isinstance(step, threeds.Done) else None

    async def _begin(self, request: web.Request) -> web.Response:
        """Create the session, and give the app what its SDK encrypts and verifies with."""
        order = msgspec.json.decode(await request.read(), type=Order)
        session = await self._checkout.sessions.request_session(
            sessions.SessionRequest(
                source=sessions.TokenSource(token=order.token),
                amount=AMOUNT,
                currency=CURRENCY,
                completion=sessions.NonHostedCompletionInfo(),
            )
        )
        if session.certificates is None or session.protocol_version is None or session.scheme is None:
            raise web.HTTPBadGateway(text="The session has no certificates: it is not for an app.")
        number = secrets.token_urlsafe(16)
        # An app may say that it is back ahead of its issuer: let it ask again, in place of waiting here for long.
        briefly = threeds.Backoff(give_up_after=5)
        options = threeds.Options(app=True)
        self._drivers[number] = threeds.Driver(self._checkout, session, options=options, poll=briefly)
        transaction = Transaction(
            number=number,
            scheme=session.scheme,
            protocol_version=session.protocol_version,
            certificates=session.certificates,
        )
        return _json(transaction)

    async def _parameters(self, request: web.Request) -> web.Response:
        """Take the SDK's AuthenticationRequestParameters; they are the channel data of an app."""
        parameters = threeds.read_sdk_parameters(await request.read())
        return await self._go_on(request, threeds.app_channel_data(parameters))

    async def _returned(self, request: web.Request) -> web.Response:
        """Hear that the SDK is done with the challenge; how it went is the session's to say."""
        return await self._go_on(request, threeds.CardholderReturned())

    async def _go_on(self, request: web.Request, event: threeds.Event) -> web.Response:
        if (driver := self._drivers.get(request.match_info["number"])) is None:
            raise web.HTTPNotFound(text="There is no such transaction.")
        match await driver.advance(event):
            case threeds.ShowAppChallenge(challenge=challenge):
                return _json(Answer(challenge=challenge))
            case threeds.Done(result=result):
                return _json(Answer(verdict=result.verdict))
            case step:
                raise web.HTTPConflict(text=f"The transaction waits for something else: {type(step).__name__}.")


@web.middleware
async def _explained(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn what an app got wrong, and failures of the API, into replies."""
    try:
        return await handler(request)
    except (errors.MalformedMessage, errors.InvalidRequest, msgspec.DecodeError, UnicodeDecodeError) as wrong:
        raise web.HTTPBadRequest(text=str(wrong)) from None
    except errors.UnprocessableEntity:
        raise web.HTTPUnprocessableEntity(text="This card cannot be used.") from None
    except errors.CheckoutError:
        raise web.HTTPBadGateway(text="The bank cannot be reached right now.") from None


def _json(value: msgspec.Struct) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json")


class Phone:
    """A stand-in for the app, its 3DS SDK and the cardholder, who `answers` the challenge.

    Its keys and its encrypted device data are made up; a real SDK encrypts with the directory server's `ds_public`, and
    checks the signed content's signature down to `ca_public`.
    """

    def __init__(self, backend: aiohttp.ClientSession, answers: Callable[[], Awaitable[object]]) -> None:
        self._backend = backend
        self._answers = answers

    async def pay(self, token: str) -> tuple[str, threeds.Verdict | None]:
        """Go the whole way; return the transaction's number, and the verdict that the app shows."""
        begun = await self._post("/transactions", msgspec.json.encode(Order(token=token)))
        transaction = msgspec.json.decode(begun, type=Transaction)
        path = f"/transactions/{transaction.number}"
        sent = await self._post(f"{path}/parameters", self._parameters(transaction))
        answer = msgspec.json.decode(sent, type=Answer)
        if answer.challenge is not None:
            await self._do_challenge(answer.challenge)
            answer = msgspec.json.decode(await self._post(f"{path}/returned", b""), type=Answer)
        return transaction.number, answer.verdict

    def _parameters(self, transaction: Transaction) -> bytes:
        """Do as the SDK's getAuthenticationRequestParameters."""
        key = threeds.emv.decode_json(transaction.certificates.ds_public or "", "ds_public")
        header = threeds.emv.encode_json({"alg": "ECDH-ES", "enc": "A128CBC-HS256", "kid": str(key.get("kid", ""))})
        vector, data, tag = (threeds.emv.encode_base64url(secrets.token_bytes(length)) for length in (16, 256, 16))
        x, y = (threeds.emv.encode_base64url(secrets.token_bytes(32)) for _ in "xy")
        return msgspec.json.encode(
            threeds.emv.SdkParameters(
                device_data=f"{header}..{vector}.{data}.{tag}",
                sdk_transaction_id=str(uuid.uuid4()),
                sdk_app_id=str(uuid.uuid4()),
                sdk_reference_number="3DS_LOA_SDK_STAND_IN",
                sdk_ephemeral_public_key={"kty": "EC", "crv": "P-256", "x": x, "y": y},
            )
        )

    async def _do_challenge(self, challenge: threeds.emv.AppChallenge) -> None:
        """Do as the SDK's doChallenge: the signed content says where the issuer is, and for which transaction."""
        content = threeds.emv.decode_json(challenge.acs_signed_content.split(".")[1], "signed content")
        if content["acsTransID"] != challenge.acs_transaction_id:
            raise ValueError("the signed content is about another transaction")
        await self._answers()

    async def _post(self, path: str, body: bytes) -> bytes:
        async with self._backend.post(path, data=body) as reply:
            reply.raise_for_status()
            return await reply.read()


@asynccontextmanager
async def served(app: web.Application) -> AsyncGenerator[aiohttp.ClientSession]:
    """Serve the endpoints on a free port, and give what the phone calls them with."""
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0]
        async with aiohttp.ClientSession(f"http://{host}:{port}") as http:
            yield http
    finally:
        await runner.cleanup()


async def main() -> None:
    """Let one cardholder pay, and print what app and backend know at the end."""
    async with Sandbox() as sandbox, sandbox.client(scopes=["sessions:app"]) as checkout:
        backend = Backend(checkout)

        async def answers() -> None:
            (session_id,) = sandbox.sessions
            await sandbox.cardholder.complete_challenge(session_id, trans_status="Y")

        async with served(backend.application()) as http:
            number, verdict = await Phone(http, answers).pay("tok_" + "a" * 26)
        print(f"the app shows: {verdict}")
        result = await backend.result(number)
        if result is not None and result.authenticated:
            print(f"the backend may pay: {result.session.status}, eci {result.eci}")


if __name__ == "__main__":
    asyncio.run(main())
