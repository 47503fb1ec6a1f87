"""What a shop knows of the browser of a cardholder."""

from __future__ import annotations

import msgspec

from checkout_async.models import sessions

BROWSER_WITHOUT_METHOD = sessions.BrowserChannelData(
    accept_header="text/html",
    java_enabled=False,
    language="en-GB",
    color_depth="24",
    screen_height="1080",
    screen_width="1920",
    timezone="0",
    user_agent="Mozilla/5.0",
    ip_address="192.0.2.1",
)
BROWSER = msgspec.structs.replace(BROWSER_WITHOUT_METHOD, three_ds_method_completion=sessions.ThreeDsMethodCompletion.U)
