"""The parts of EMV 3DS 2.2 that pass through the cardholder's browser or app, for callers that work without a driver.

Messages and their base64url JSON encoding, the 3DS Method, the challenge, the app channel, and HTML forms that submit
themselves. Everything is pure: no I/O and no clock. `checkout_async.threeds` re-exports what every merchant needs.
"""

from __future__ import annotations

from checkout_async.threeds.emv.app import (
    AppChallenge,
    SdkParameters,
    app_challenge,
    app_channel_data,
    read_sdk_parameters,
)
from checkout_async.threeds.emv.challenge import (
    CHALLENGE_TIME_LIMIT,
    challenge_form,
    challenge_request,
    read_challenge_response,
    read_session_data,
)
from checkout_async.threeds.emv.encoding import decode_base64url, decode_json, encode_base64url, encode_json
from checkout_async.threeds.emv.html import (
    AUTO_SUBMIT_HASH,
    FormPost,
    autosubmit_page,
    challenge_iframe,
    content_security_policy,
    method_iframe,
    new_nonce,
)
from checkout_async.threeds.emv.messages import (
    ChallengeNotification,
    ChallengeRequest,
    ChallengeResponse,
    ErrorMessage,
    MethodData,
    MethodNotification,
    SessionMessage,
    WindowSize,
    belongs_to,
)
from checkout_async.threeds.emv.method import (
    CHECKOUT_METHOD_NOTIFICATION_URL,
    METHOD_TIME_LIMIT,
    method_completion,
    method_data,
    method_form,
    read_method_notification,
)

__all__ = [
    "AUTO_SUBMIT_HASH",
    "CHALLENGE_TIME_LIMIT",
    "CHECKOUT_METHOD_NOTIFICATION_URL",
    "METHOD_TIME_LIMIT",
    "AppChallenge",
    "ChallengeNotification",
    "ChallengeRequest",
    "ChallengeResponse",
    "ErrorMessage",
    "FormPost",
    "MethodData",
    "MethodNotification",
    "SdkParameters",
    "SessionMessage",
    "WindowSize",
    "app_challenge",
    "app_channel_data",
    "autosubmit_page",
    "belongs_to",
    "challenge_form",
    "challenge_iframe",
    "challenge_request",
    "content_security_policy",
    "decode_base64url",
    "decode_json",
    "encode_base64url",
    "encode_json",
    "method_completion",
    "method_data",
    "method_form",
    "method_iframe",
    "new_nonce",
    "read_challenge_response",
    "read_method_notification",
    "read_sdk_parameters",
    "read_session_data",
]
