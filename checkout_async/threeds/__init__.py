"""The 3DS browser flow between `request_session` and an authenticated payment; docs/threeds.md tells it in order.

`Driver` and `authenticate` make the calls and say what the cardholder is needed for. Everything else is pure: messages
of EMV 3DS 2.2, forms, channel data, and the flow as a value. Modules, low to high; each imports earlier ones only:
urls, emv, encoding, html, matching, method, challenge, messages, callback, address, snippet, browser, app, result,
steps, table, state, making, flow, driver.
"""

from __future__ import annotations

from checkout_async._core.backoff import Backoff
from checkout_async.threeds.address import Network, client_address
from checkout_async.threeds.app import (
    AppChallenge,
    SdkParameters,
    app_challenge,
    app_channel_data,
    read_sdk_parameters,
)
from checkout_async.threeds.browser import BROWSER_SCRIPT, BrowserValues, browser_channel_data, read_browser_values
from checkout_async.threeds.driver import CardholderHandler, Driver, authenticate
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
    challenge_iframe,
    content_security_policy,
    method_iframe,
    new_nonce,
    page,
)
from checkout_async.threeds.emv.messages import (
    ChallengeNotification,
    ChallengeRequest,
    ChallengeResponse,
    ErrorMessage,
    MethodData,
    MethodNotification,
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
from checkout_async.threeds.flow import Flow
from checkout_async.threeds.incoming import read_browser_event, read_callback
from checkout_async.threeds.result import ThreeDSResult, Verdict
from checkout_async.threeds.state import Options, Progress
from checkout_async.threeds.steps import (
    CardholderReturned,
    CardholderStep,
    Complete,
    Done,
    Event,
    ReadSession,
    RedirectCardholder,
    ReportMethod,
    RunMethod,
    SendChannelData,
    ShowAppChallenge,
    ShowChallenge,
    Step,
    TimedOut,
)

__all__ = [
    "AUTO_SUBMIT_HASH",
    "BROWSER_SCRIPT",
    "CHALLENGE_TIME_LIMIT",
    "CHECKOUT_METHOD_NOTIFICATION_URL",
    "METHOD_TIME_LIMIT",
    "AppChallenge",
    "Backoff",
    "BrowserValues",
    "CardholderHandler",
    "CardholderReturned",
    "CardholderStep",
    "ChallengeNotification",
    "ChallengeRequest",
    "ChallengeResponse",
    "Complete",
    "Done",
    "Driver",
    "ErrorMessage",
    "Event",
    "Flow",
    "FormPost",
    "MethodData",
    "MethodNotification",
    "Network",
    "Options",
    "Progress",
    "ReadSession",
    "RedirectCardholder",
    "ReportMethod",
    "RunMethod",
    "SdkParameters",
    "SendChannelData",
    "ShowAppChallenge",
    "ShowChallenge",
    "Step",
    "ThreeDSResult",
    "TimedOut",
    "Verdict",
    "WindowSize",
    "app_challenge",
    "app_channel_data",
    "authenticate",
    "belongs_to",
    "browser_channel_data",
    "challenge_form",
    "challenge_iframe",
    "challenge_request",
    "client_address",
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
    "page",
    "read_browser_event",
    "read_browser_values",
    "read_callback",
    "read_challenge_response",
    "read_method_notification",
    "read_sdk_parameters",
    "read_session_data",
]
