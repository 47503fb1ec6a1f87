"""The app channel: what a mobile backend passes to the EMV 3DS SDK in the app, and what the SDK sends back.

The SDK runs the challenge; there is no 3DS Method. The parameters have the names of the EMV 3DS SDK specification 2.2
(AuthenticationRequestParameters, ChallengeParameters); most SDKs expose them as properties.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

import msgspec

from checkout_async.errors import MalformedMessage
from checkout_async.models import sessions
from checkout_async.redaction import SecretStruct, clears_frames
from checkout_async.threeds.emv.encoding import parse_json

__all__ = ["AppChallenge", "SdkParameters", "app_challenge", "app_channel_data", "read_sdk_parameters"]

_NAME: Final = "SDK parameters"
_MAX_PARAMETERS: Final = 65_536
# EMV 3DS 2.2, sdkMaxTimeout: at least 5 minutes.
_MIN_TIMEOUT: Final = 5
_ALL_ELEMENTS: Final = tuple(sessions.UiElement)


class SdkParameters(SecretStruct, frozen=True, kw_only=True):
    """The result of the SDK's `getAuthenticationRequestParameters()`, which the app sends as a JSON object.

    `sdk_ephemeral_public_key` is a JSON Web Key, as an object or as text.
    """

    __hidden__: ClassVar[tuple[str, ...]] = ("device_data", "sdk_app_id")

    device_data: str = msgspec.field(name="deviceData")
    sdk_transaction_id: str = msgspec.field(name="sdkTransactionID")
    sdk_app_id: str = msgspec.field(name="sdkAppID")
    sdk_reference_number: str = msgspec.field(name="sdkReferenceNumber")
    sdk_ephemeral_public_key: dict[str, object] | str = msgspec.field(name="sdkEphemeralPublicKey")


class AppChallenge(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments of the SDK's `doChallenge()`; send them to the app as JSON. None of them is secret."""

    server_transaction_id: str = msgspec.field(name="threeDSServerTransactionID")
    acs_transaction_id: str = msgspec.field(name="acsTransactionID")
    acs_reference_number: str = msgspec.field(name="acsRefNumber")
    acs_signed_content: str = msgspec.field(name="acsSignedContent")


_parameters = msgspec.json.Decoder(SdkParameters)
_key = msgspec.json.Decoder(dict[str, object])


@clears_frames
def read_sdk_parameters(body: str | bytes) -> SdkParameters:
    """Read the JSON that the app sent, up to 64 KiB. Raises MalformedMessage."""
    if len(body) > _MAX_PARAMETERS:
        unit = "characters" if isinstance(body, str) else "bytes"
        raise MalformedMessage(_NAME, f"are longer than {_MAX_PARAMETERS} {unit}")
    return parse_json(_parameters, body, _NAME)


@clears_frames
def app_channel_data(
    parameters: SdkParameters,
    *,
    timeout: int = _MIN_TIMEOUT,
    interface: sessions.SdkInterfaceType = sessions.SdkInterfaceType.BOTH,
    elements: Sequence[sessions.UiElement] = _ALL_ELEMENTS,
) -> sessions.AppChannelData:
    """Return the channel data of an app.

    `timeout` is the longest time for the challenge, in minutes, at least 5. `interface` and `elements` are what the SDK
    can show. Raises MalformedMessage for a public key that is not an elliptic-curve JSON Web Key. The lengths are
    checked when the request is sent.
    """
    key = parameters.sdk_ephemeral_public_key
    members = parse_json(_key, key, f"{_NAME}: key") if isinstance(key, str) else key
    known = {field.encode_name: field.name for field in msgspec.structs.fields(sessions.SdkEphemeralPublicKey)}
    coordinates = {known[name]: value for name, value in members.items() if name in known}
    try:
        public = msgspec.convert(coordinates, sessions.SdkEphemeralPublicKey)
    except msgspec.ValidationError as error:
        raise MalformedMessage(f"{_NAME}: key", str(error)) from None
    if public.kty != "EC" or not (public.crv and public.x and public.y):
        raise MalformedMessage(f"{_NAME}: key", "is not an elliptic-curve public key (kty EC, crv, x, y)")
    return sessions.AppChannelData(
        sdk_app_id=parameters.sdk_app_id,
        sdk_max_timeout=timeout,
        sdk_ephem_pub_key=public,
        sdk_reference_number=parameters.sdk_reference_number,
        sdk_encrypted_data=parameters.device_data,
        sdk_transaction_id=parameters.sdk_transaction_id,
        sdk_interface_type=interface,
        sdk_ui_elements=list(elements),
    )


def app_challenge(session: sessions.Session) -> AppChallenge:
    """Return what the app's SDK needs for the challenge. Raises MalformedMessage if the session lacks any of it."""
    acs = session.acs or sessions.Acs()
    needed = (session.transaction_id, acs.transaction_id, acs.reference_number, acs.signed_content)
    transaction_id, acs_transaction_id, reference_number, signed_content = needed
    if transaction_id is None or acs_transaction_id is None or reference_number is None or signed_content is None:
        raise MalformedMessage("app challenge", "the session has no challenge for an app (acs.signed_content)")
    return AppChallenge(
        server_transaction_id=transaction_id,
        acs_transaction_id=acs_transaction_id,
        acs_reference_number=reference_number,
        acs_signed_content=signed_content,
    )
