"""Errors of settings, files, processes and messages: no call to the API ended with them."""

from __future__ import annotations

from checkout_async.errors.base import CheckoutError

__all__ = [
    "BatchFileError",
    "ClientClosed",
    "ConfigurationError",
    "DiskFull",
    "IncompatibleVersion",
    "InvalidSignature",
    "JournalError",
    "JournalInUse",
    "MalformedMessage",
    "MissingExtra",
    "RunIncomplete",
    "TokenStoreError",
    "WrongLoop",
    "WrongProcess",
]


class ConfigurationError(CheckoutError):
    """A setting cannot work as given. The text says what to change."""


class MissingExtra(CheckoutError):
    """An optional package is not installed. The text has the command that installs it."""


class IncompatibleVersion(CheckoutError):
    """An installed package is of a version that this package cannot rely on. Nothing was sent.

    The text names the package, its version and the versions that were tested.
    """


class ClientClosed(CheckoutError):
    """The client is closed. Nothing was done: make a new client.

    Nothing was sent either, unless the text says that the API refused an earlier request of the call.
    """


class WrongLoop(CheckoutError):
    """The client was first used in another event loop. Nothing was sent: make one client for each loop."""


class WrongProcess(CheckoutError):
    """The object was made or first used before the process forked, and belongs to the other process.

    Nothing was sent or written: make one in each process.
    """


class TokenStoreError(CheckoutError):
    """A token store cannot be used. The text says why. The calls of a client never raise this error."""


class BatchFileError(CheckoutError):
    """A file of a batch (its input, results, journal, report or plan) cannot be used. The text says why.

    It is raised before the first record is sent.
    """


class DiskFull(BatchFileError):
    """There is no room for a file of a batch. Nothing was sent: make room, and run the batch again."""

    is_transient = True


class JournalInUse(BatchFileError):
    """Another process has the journal of the batch open. Only one process at a time may open it."""

    is_transient = True


class JournalError(CheckoutError):
    """The journal of a batch failed after it was opened. The text says why.

    No further writes are accepted: stop sending. Everything the journal confirmed before is in the file.
    """


class RunIncomplete(CheckoutError):
    """A batch on several machines ended before all its partitions were finished and gathered.

    The text says why. Resume the run to continue.
    """

    is_transient = True


class InvalidSignature(CheckoutError):
    """Checkout.com did not sign this webhook, or not with this key, or the body was changed on the way."""


class MalformedMessage(CheckoutError):
    """A message of the 3DS flow or a webhook cannot be understood, does not belong here, or cannot be built.

    A message that passes through a browser may be forged: answer it with 400 and continue. `message` is its name
    (`cres`) and `reason` says what is wrong with it; neither contains a value from it.
    """

    def __init__(self, message: str, reason: str = "", /) -> None:
        super().__init__(f"{message}: {reason}" if reason else message)
        self.message = message
        self.reason = reason
