"""The 3DS flow between `request_session` and an authenticated payment; docs/threeds.md explains it step by step.

`Driver` and `authenticate` call the API and return the steps that need the cardholder's browser or app. Everything else
is pure: `Flow` is the flow as a value, `browser_channel_data` and `app_channel_data` build channel data, and
`read_...` functions read what comes in. `threeds.emv` contains the messages, encodings and forms of EMV 3DS 2.2, for
callers that work without a driver.
"""

from __future__ import annotations

from checkout_async._core.backoff import Backoff
from checkout_async.threeds import emv
from checkout_async.threeds.address import client_address
from checkout_async.threeds.browser import BROWSER_SCRIPT, BrowserValues, browser_channel_data, read_browser_values
from checkout_async.threeds.driver import CardholderHandler, Driver, authenticate
from checkout_async.threeds.emv.app import app_channel_data, read_sdk_parameters
from checkout_async.threeds.emv.html import (
    FormPost,
    autosubmit_page,
    challenge_iframe,
    method_iframe,
)
from checkout_async.threeds.emv.messages import WindowSize
from checkout_async.threeds.flow import Flow
from checkout_async.threeds.incoming import read_browser_event, read_callback
from checkout_async.threeds.pages import (
    ThreeDSPage,
    challenge_page,
    leave_iframe_page,
    method_page,
    redirect_page,
)
from checkout_async.threeds.result import ThreeDSResult, Verdict
from checkout_async.threeds.steps import (
    CardholderReturned,
    CardholderStep,
    Done,
    Event,
    Options,
    Progress,
    RedirectCardholder,
    RunMethod,
    SendChannelData,
    ShowAppChallenge,
    ShowChallenge,
    TimedOut,
)

__all__ = [
    "BROWSER_SCRIPT",
    "Backoff",
    "BrowserValues",
    "CardholderHandler",
    "CardholderReturned",
    "CardholderStep",
    "Done",
    "Driver",
    "Event",
    "Flow",
    "FormPost",
    "Options",
    "Progress",
    "RedirectCardholder",
    "RunMethod",
    "SendChannelData",
    "ShowAppChallenge",
    "ShowChallenge",
    "ThreeDSPage",
    "ThreeDSResult",
    "TimedOut",
    "Verdict",
    "WindowSize",
    "app_channel_data",
    "authenticate",
    "autosubmit_page",
    "browser_channel_data",
    "challenge_iframe",
    "challenge_page",
    "client_address",
    "emv",
    "leave_iframe_page",
    "method_iframe",
    "method_page",
    "read_browser_event",
    "read_browser_values",
    "read_callback",
    "read_sdk_parameters",
    "redirect_page",
]
