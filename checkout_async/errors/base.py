"""The root of the tree of errors, and the idempotency key of the call that an exception left."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from datetime import datetime
from typing import Self, cast
from weakref import WeakKeyDictionary

from checkout_async.redaction import Secret

__all__ = [
    "CheckoutError",
    "attach_key",
    "idempotency_key",
]


class CheckoutError(Exception):
    """Root of the tree: catch it to catch every error that this package raises."""

    # In __dict__ where an error differs from its class, so that pickling keeps them.
    may_have_been_done: bool = False
    """Whether the operation may have been carried out in spite of the error.

    False proves that this call did not do it, or that the operation only reads. If True, look up the result before you
    call again, or call again with the same `idempotency_key`. Then a later False speaks of the later call alone.
    """
    is_transient: bool = False
    """Whether the same call can succeed later without a change. Look at `may_have_been_done` first."""

    key_expires_at: datetime | None = None
    """When the API forgets the idempotency key, in UTC; None if no attempt was made, or the client made no key.

    Until then, the same call with the same key has no second effect. After that it has: look up the result first. It
    is None for a key of your own: only you know when you used it first. Keep the time of the first error.
    """

    # A slot, not an entry of __dict__: the key is not pickled, and a traceback that shows attributes does not show it.
    __slots__ = ("_idempotency_key",)
    _idempotency_key: Secret | None

    @property
    def idempotency_key(self) -> str | None:
        """The idempotency key of the call, or None. Until `key_expires_at` the call can be repeated safely with it.

        The key is neither pickled nor copied. A task queue that pickles errors or calls has to pass its own key.
        """
        key: Secret | None = getattr(self, "_idempotency_key", None)
        return None if key is None else str(key)

    def __getstate__(self) -> dict[str, object]:
        """Return what pickles and copies take along."""
        return dict(vars(self))

    def __reduce__(self) -> tuple[type[Self], tuple[object, ...], dict[str, object]]:
        return type(self), self.args, self.__getstate__()


# Keys of exceptions that are not ours, such as CancelledError. Beside the exceptions, not in their __dict__, so that no
# traceback, repr or pickle shows them.
_keys: WeakKeyDictionary[BaseException, Secret] = WeakKeyDictionary()


def idempotency_key(error: BaseException) -> str | None:
    """Return the idempotency key of the call that an exception ended, or None if there is none.

    Whatever leaves a call with a key carries it: an error of this package, a cancellation, Ctrl-C. This finds it also
    behind exceptions that took its place, such as the TimeoutError of `asyncio.timeout` or a group of a TaskGroup: it
    looks through causes, contexts and groups, the nearest first. If the exceptions of a group belong to several calls,
    ask for each of them. The key of another call, whose error was being handled, is not returned for a CheckoutError.
    """
    seen: set[int] = set()
    waiting: deque[BaseException | None] = deque([error])
    while waiting:
        each = waiting.popleft()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        key = each.idempotency_key if isinstance(each, CheckoutError) else _find_key(each)
        if key is not None:
            return str(key)
        if isinstance(each, CheckoutError):
            # The error of another call, whose key would belong to that call, may be its context.
            waiting.append(each.__cause__)
            continue
        if isinstance(each, BaseExceptionGroup):
            waiting.extend(cast("BaseExceptionGroup[BaseException]", each).exceptions)
        waiting += [each.__cause__, each.__context__]
    return None


def _find_key(error: BaseException) -> str | None:
    # Python's own exceptions have no weak references; those of asyncio have.
    with suppress(TypeError):
        return _keys.get(error)
    return None


def attach_key(error: BaseException, key: str | None, expires_at: datetime | None) -> None:
    """Attach to an exception the idempotency key of the call that it leaves; `errors.idempotency_key` finds it.

    `expires_at` is when the API forgets the key, or None if the key was not sent.
    """
    if key is None:
        return
    # `Secret`, so that a traceback that shows slots does not show the key.
    if isinstance(error, CheckoutError):
        error._idempotency_key = Secret(key)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - the same module
        error.key_expires_at = expires_at
    else:
        # Python's own exceptions, such as KeyboardInterrupt, have no weak references.
        with suppress(TypeError):
            _keys[error] = Secret(key)
