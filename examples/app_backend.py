"""The backend of a mobile app whose EMV 3DS SDK runs 3D Secure, and a simulated phone.

Runs against the embedded simulator: `python examples/app_backend.py`. With the real sandbox, only the client differs
(its scope is `sessions:app`), and the phone is a real one. The app gets no secrets, and its messages prove nothing: the
verdict comes from the session, and the proof stays with the backend in a `threeds.ThreeDSResult`.
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

AMOUNT, CURRENCY = amount("challenge"), "GBP"  # in the minor unit; the simulator challenges this amount


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """The app's order: a card token, which Checkout.com's card SDK made on the phone."""

    token: str


class Transaction(msgspec.Struct, frozen=True, kw_only=True):
    """The data with which the app starts the 3DS SDK's transaction, and the backend's number for it."""

    number: str
    scheme: str
    protocol_version: str
    certificates: sessions.DsPublicKeys


class NextStep(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The app's next step: run a challenge, or show the verdict. If it is `undecided`, report the return again."""

    challenge: threeds.emv.AppChallenge | None = None
    verdict: threeds.Verdict | None = None


class Backend:
    """The server: it has the access token, a driver for each transaction, and three endpoints for the app."""

    def __init__(self, checkout: CheckoutClient) -> None:
        self._checkout = checkout
        self._drivers: dict[str, threeds.Driver] = {}  # by a number that cannot be guessed

    def application(self) -> web.Application:
        """Return the application with the endpoints."""
        app = web.Application(middlewares=[_error_responses], client_max_size=128 * 1024)
        app.router.add_post("/transactions", self._begin)
        app.router.add_post("/transactions/{number}/parameters", self._parameters)
        app.router.add_post("/transactions/{number}/returned", self._returned)
        return app

    async def result(self, number: str) -> threeds.ThreeDSResult | None:
        """Return the result of a transaction, or None if it has none yet. A payment contains `result.three_ds()`."""
        step = await self._drivers[number].advance()
        return step.result if isinstance(step, threeds.Done) else None

    async def _begin(self, request: web.Request) -> web.Response:
        """Create the session, and return the keys with which the app's SDK encrypts and verifies."""
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
            raise web.HTTPBadGateway(text="The session has no certificates, so it is not for an app.")
        number = secrets.token_urlsafe(16)
        # The app may come back before its issuer has decided. Let it ask again rather than wait here for long.
        short_poll = threeds.Backoff(give_up_after=5)
        options = threeds.Options(app=True)
        self._drivers[number] = threeds.Driver(self._checkout, session, options=options, poll=short_poll)
        transaction = Transaction(
            number=number,
            scheme=session.scheme,
            protocol_version=session.protocol_version,
            certificates=session.certificates,
        )
        return _json(transaction)

    async def _parameters(self, request: web.Request) -> web.Response:
        """Receive the SDK's AuthenticationRequestParameters, which are the channel data of an app."""
        parameters = threeds.read_sdk_parameters(await request.read())
        return await self._advance(request, threeds.app_channel_data(parameters))

    async def _returned(self, request: web.Request) -> web.Response:
        """Handle the end of the SDK's challenge. The session contains its outcome."""
        return await self._advance(request, threeds.CardholderReturned())

    async def _advance(self, request: web.Request, event: threeds.Event) -> web.Response:
        if (driver := self._drivers.get(request.match_info["number"])) is None:
            raise web.HTTPNotFound(text="There is no such transaction.")
        match await driver.advance(event):
            case threeds.ShowAppChallenge(challenge=challenge):
                return _json(NextStep(challenge=challenge))
            case threeds.Done(result=result):
                return _json(NextStep(verdict=result.verdict))
            case step:
                raise web.HTTPConflict(text=f"The transaction waits for something else: {type(step).__name__}.")


@web.middleware
async def _error_responses(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn malformed requests and errors of the API into HTTP error responses."""
    try:
        return await handler(request)
    except (errors.MalformedMessage, errors.InvalidRequest, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise web.HTTPBadRequest(text=str(error)) from None
    except errors.CheckoutError as error:
        if error.may_have_been_done or error.is_transient:
            raise web.HTTPBadGateway(text="The bank cannot be reached right now. Try again later.") from None
        raise web.HTTPUnprocessableEntity(text="The payment cannot be made.") from None


def _json(value: msgspec.Struct) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json")


class Phone:
    """A simulated app with its 3DS SDK and its cardholder, who answers the challenge by `answer_challenge`.

    Its keys and its encrypted device data are random. A real SDK encrypts with the directory server's `ds_public`, and
    verifies the signature of the signed content up to `ca_public`.
    """

    def __init__(self, backend: aiohttp.ClientSession, answer_challenge: Callable[[], Awaitable[object]]) -> None:
        self._backend = backend
        self._answer_challenge = answer_challenge

    async def pay(self, token: str) -> tuple[str, threeds.Verdict | None]:
        """Pay, and return the transaction's number and the verdict that the app shows."""
        created = await self._post("/transactions", msgspec.json.encode(Order(token=token)))
        transaction = msgspec.json.decode(created, type=Transaction)
        path = f"/transactions/{transaction.number}"
        reply = await self._post(f"{path}/parameters", self._parameters(transaction))
        next_step = msgspec.json.decode(reply, type=NextStep)
        if next_step.challenge is not None:
            await self._do_challenge(next_step.challenge)
            next_step = msgspec.json.decode(await self._post(f"{path}/returned", b""), type=NextStep)
        return transaction.number, next_step.verdict

    def _parameters(self, transaction: Transaction) -> bytes:
        """Simulate the SDK's getAuthenticationRequestParameters."""
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
        """Simulate the SDK's doChallenge: the signed content names the issuer's URL and the transaction."""
        content = threeds.emv.decode_json(challenge.acs_signed_content.split(".")[1], "signed content")
        if content["acsTransID"] != challenge.acs_transaction_id:
            raise ValueError("the signed content is about another transaction")
        await self._answer_challenge()

    async def _post(self, path: str, body: bytes) -> bytes:
        async with self._backend.post(path, data=body) as reply:
            reply.raise_for_status()
            return await reply.read()


@asynccontextmanager
async def serve(app: web.Application) -> AsyncGenerator[aiohttp.ClientSession]:
    """Serve the endpoints on a free port, and give an HTTP client for the phone."""
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
    """Let one cardholder pay, and print what the app and the backend know at the end."""
    async with Sandbox() as sandbox, sandbox.client(scopes=["sessions:app"]) as checkout:
        backend = Backend(checkout)

        async def answer_challenge() -> None:
            (session_id,) = sandbox.sessions
            await sandbox.cardholder.complete_challenge(session_id, trans_status="Y")

        async with serve(backend.application()) as http:
            number, verdict = await Phone(http, answer_challenge).pay("tok_" + "a" * 26)
        print(f"the app shows: {verdict}")
        result = await backend.result(number)
        if result is not None and result.authenticated:
            print(f"the backend may pay: {result.session.status}, eci {result.eci}")


if __name__ == "__main__":
    asyncio.run(main())
