"""How a batch runs, as one value: `BatchOptions` is handed on whole, from the caller to each record's flow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from checkout_async._core.backoff import Backoff
from checkout_async.config import Validation, require_level
from checkout_async.errors import ConfigurationError
from checkout_async.models import sessions

__all__ = ["DEFAULT_OUTAGE_BACKOFF", "Backoff", "BatchOptions", "SharedChannelData"]

SharedChannelData = sessions.BrowserChannelData | sessions.MerchantInitiatedChannelData
"""Channel data that several sessions may share; app channel data belong to a single transaction."""

DEFAULT_OUTAGE_BACKOFF: Final = Backoff(initial=1.0, maximum=60.0, give_up_after=1800.0)
"""An unreachable API is tried again after 1, 2, 4, ... 60 seconds, for half an hour in all."""

DEFAULT_POLL: Final = Backoff()
"""A session that is processing is read again after 0.2, 0.4, ... 5 seconds, for a minute in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOptions:
    """The options of a batch. Raises ConfigurationError for a `concurrency` below 1 and an unknown level.

    `concurrency` is the number of sessions in flight. `channel_data` are used for sessions whose request has none;
    without them, such a request is `invalid` unless it is for a hosted session. `poll` is the backoff for sessions that
    are `processing`, and `outage_backoff` that for an API that does not answer. `validate` is the level at which
    requests are checked, instead of the client's. `retry_unknown` sends records again that an earlier run may have
    sent, and of which no session is known. Outcomes come as completed or, with `in_order`, in the order of the records.
    A run that is left early waits up to `drain` seconds for calls in flight.
    """

    concurrency: int = 64
    channel_data: SharedChannelData | None = None
    poll: Backoff = DEFAULT_POLL
    outage_backoff: Backoff = DEFAULT_OUTAGE_BACKOFF
    validate: Validation | None = None
    retry_unknown: bool = False
    in_order: bool = False
    drain: float = 30.0

    def __post_init__(self) -> None:
        if self.concurrency < 1:
            raise ConfigurationError("BatchOptions.concurrency must be a whole number above 0")
        if self.validate is not None:
            require_level(self.validate)
