"""The kinds of change: how bad each is, whom it concerns, what is said of it, and what a caller does about it."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple


class ChangeClass(StrEnum):
    """What a change means for a caller's source, the worst first.

    SILENT: it still type-checks, and behaves otherwise. BREAKING: it has to change. compatible: it need not.
    documentation: nothing but a text or an example changed.
    """

    SILENT = "SILENT"
    BREAKING = "BREAKING"
    COMPATIBLE = "compatible"
    DOCUMENTATION = "documentation"


class Side(StrEnum):
    """The side of a call that a change concerns."""

    CALLER = "caller"
    REQUEST = "request"
    REPLY = "reply"
    RETRY = "retry"
    CREDENTIALS = "credentials"
    MASKING = "masking"


class Kind(NamedTuple):
    """A kind of change. `text` says what changed, `advice` what a caller does about it; `keyword` is what to look at.

    `{old}` and `{new}` in the text stand for the values.
    """

    severity: ChangeClass
    side: Side
    text: str
    advice: str = ""
    keyword: str = ""


_S, _B, _C, _D = ChangeClass
_FAKES: Final = "Recorded traffic, fakes and allow-lists have to follow."
_SENT: Final = "A request that was sent before is refused before anything is sent, or the reverse."

OPERATIONS: Final = {
    "operation-gone": Kind(_B, Side.CALLER, "is gone", "Remove the calls of it."),
    "operation-renamed": Kind(_B, Side.CALLER, "is gone; probably it is `{new}` now", "Rename the calls."),
    "operation-new": Kind(_C, Side.CALLER, "is new"),
    "http-line": Kind(_S, Side.REQUEST, "is sent as `{new}` instead of `{old}`", _FAKES),
    "server": Kind(
        _S,
        Side.REQUEST,
        "is {new} instead of {old}",
        f"The same calls go elsewhere: make sure that the environment is the one that you mean. {_FAKES}",
        "url",
    ),
    "read-name": Kind(
        _S,
        Side.REPLY,
        "is read from {new} instead of {old}",
        f"Errors, logs and webhooks lack it where the API still uses the old name. {_FAKES}",
        "x-role",
    ),
    "visible-header": Kind(
        _S, Side.MASKING, "is {new} in logs, reprs and traces instead of {old}", "Check who reads them.", "x-sensitive"
    ),
    "amount": Kind(
        _S,
        Side.REQUEST,
        "is counted with {new} instead of {old}",
        "`checkout_async.money` converts the same amount to another number: compare what you charge.",
        "decimals",
    ),
    "server-gone": Kind(
        _B,
        Side.REQUEST,
        "is gone; it was {old}",
        "Choose another environment, or pass `base_url` and `token_url` to the client.",
        "url",
    ),
    "server-new": Kind(_C, Side.REQUEST, "is new: {new}", keyword="url"),
    "retry-class": Kind(
        _S,
        Side.RETRY,
        "is repeated by the rule `{new}` instead of `{old}`",
        "A call that fails in doubt is repeated in other cases: check what your code does after `OutcomeUnknown`.",
        "x-idempotency",
    ),
    "idempotency-header": Kind(
        _S,
        Side.RETRY,
        "sends its idempotency key in {new} instead of {old}",
        "The API may not recognise a request that was first sent before the upgrade: look its result up.",
        "name",
    ),
    "key-lifetime": Kind(
        _S,
        Side.RETRY,
        "may be repeated with its key for {new} seconds instead of {old}",
        "Check how long your own queue repeats a call with the same key.",
        "x-key-lifetime",
    ),
    "reference": Kind(
        _S,
        Side.RETRY,
        "is looked up by {new} instead of {old}",
        "Check how your code finds a result after `OutcomeUnknown`.",
        "x-reference",
    ),
    "scopes": Kind(
        _S,
        Side.CREDENTIALS,
        "accepts tokens with one of the scopes {new} instead of {old}",
        "Check which scopes your access keys have.",
        "security",
    ),
    "session-secret": Kind(
        _S,
        Side.CREDENTIALS,
        "accepts a session secret: {new} instead of {old}",
        "Check which credentials your code passes.",
        "security",
    ),
    "secret-key": Kind(
        _S,
        Side.CREDENTIALS,
        "accepts a secret key: {new} instead of {old}",
        "Check which credentials your client has.",
        "security",
    ),
    "success-status": Kind(
        _S,
        Side.REPLY,
        "takes the status {status} as {new} instead of {old}",
        "A reply that raised an error returns a value now, or the reverse.",
        "responses",
    ),
    "body-format": Kind(_S, Side.REQUEST, "sends its body as {new} instead of {old}", _FAKES, "requestBody"),
    "body-recognition": Kind(
        _S,
        Side.REQUEST,
        "recognises a body by {new} instead of {old}",
        "A mapping may be checked as another of the alternatives.",
        "requestBody",
    ),
    "result": Kind(_B, Side.REPLY, "returns `{new}` instead of `{old}`", "Adapt what uses the result.", "responses"),
    "argument-gone": Kind(_B, Side.CALLER, "has no argument `{old}` any more", "Remove it from the calls."),
    "argument-renamed": Kind(
        _B,
        Side.CALLER,
        "has no argument `{old}` any more; probably it is `{new}` now",
        "Rename it where it is passed by keyword.",
    ),
    "argument-required": Kind(_B, Side.CALLER, "needs the argument `{new}`", "Pass it in every call."),
    "argument-new": Kind(_C, Side.CALLER, "takes the argument `{new}`"),
    "argument-optional": Kind(_C, Side.CALLER, "no longer needs the argument `{new}`"),
    "argument-keyword": Kind(
        _B, Side.CALLER, "takes the argument `{new}` by keyword only, and no longer needs it", "Pass it by keyword."
    ),
    "argument-wider": Kind(_C, Side.CALLER, "takes `{name}` as `{new}` instead of `{old}`"),
    "argument-type": Kind(_B, Side.CALLER, "takes `{name}` as `{new}` instead of `{old}`", "Adapt what is passed."),
    "argument-order": Kind(
        _S,
        Side.CALLER,
        "takes its arguments in the order {new} instead of {old}",
        "They have the same types, so no type checker sees it: check every call that passes them by position.",
    ),
    "argument-places": Kind(
        _B,
        Side.CALLER,
        "takes its arguments in the order {new} instead of {old}",
        "Adapt every call that passes them by position.",
    ),
    "parameter-sent": Kind(_S, Side.REQUEST, "is sent as {new} instead of {old}", _FAKES),
    "parameter-enforced": Kind(_S, Side.REQUEST, "is checked by {new} instead of {old}", _SENT),
    "parameter-documented": Kind(_S, Side.REQUEST, "is checked at the level `strict` by {new} instead of {old}", _SENT),
    "paging-gone": Kind(
        _B, Side.CALLER, "has no pages any more: `{old}` is gone", "Read the one reply.", "x-pagination"
    ),
    "paging-new": Kind(_C, Side.CALLER, "has pages: `{new}`", keyword="x-pagination"),
    "paging-rule": Kind(
        _S,
        Side.REPLY,
        "reads its pages by {new} instead of {old}",
        "An iteration may yield other items: check what your code does with each page.",
        "x-pagination",
    ),
    "iterator": Kind(_B, Side.CALLER, "is iterated by `{new}` instead of `{old}`", "Adapt the loops.", "x-pagination"),
}
TYPES: Final = {
    "type-gone": Kind(_B, Side.CALLER, "is gone", "Remove what uses it."),
    "type-renamed": Kind(_B, Side.CALLER, "is gone; probably it is `{new}` now", "Rename what uses it."),
    "type-moved": Kind(_B, Side.CALLER, "is in `models.{new}` instead of `models.{old}`", "Import it from there."),
    "type-new": Kind(_C, Side.CALLER, "is new"),
    "type-kind": Kind(_B, Side.CALLER, "is a type {new} instead of {old}", "Adapt what makes or reads it."),
    "union-wider": Kind(
        _S,
        Side.REQUEST,
        "may be `{new}`, too",
        "A mapping with its discriminator is sent instead of refused; a `match` over all variants lacks one.",
        "oneOf",
    ),
    "union-narrower": Kind(
        _S,
        Side.REQUEST,
        "may not be `{old}` any more",
        "A mapping of that variant is refused before it is sent.",
        "oneOf",
    ),
    "tag": Kind(
        _S,
        Side.REQUEST,
        "is recognised by {new} instead of {old}",
        "It is sent with another discriminator, and a mapping needs that one.",
    ),
    "value-gone": Kind(_B, Side.CALLER, "is gone", "Replace it: a request with it is refused before it is sent."),
    "value-renamed": Kind(_B, Side.CALLER, "is called `{new}` now", "Rename it."),
    "value-new": Kind(_C, Side.CALLER, "is new"),
    "value-text": Kind(_S, Side.REQUEST, "is `{new}` in the API instead of `{old}`", _FAKES),
    "value-aliases": Kind(
        _S,
        Side.REPLY,
        "reads {new} as other spellings instead of {old}",
        "A reply with such a spelling compares otherwise.",
        "x-enum-aliases",
    ),
}
MEMBERS: Final = {
    "member-gone": Kind(_B, Side.CALLER, "is gone", "Remove what sets or reads it."),
    "member-renamed": Kind(_B, Side.CALLER, "is gone; probably it is `{new}` now", "Rename it."),
    "member-former-name": Kind(
        _C,
        Side.CALLER,
        "is called `{new}` now; the old name works until the next release, with a warning",
        "Rename it before the next release. Recorded traffic, fakes and allow-lists see the new name at once.",
        "x-former-name",
    ),
    "former-name-gone": Kind(
        _B, Side.CALLER, "has no other name any more; `{old}` was one for a release", "Use the new name."
    ),
    "member-deprecated": Kind(
        _B,
        Side.CALLER,
        "is a deprecated property now: it is read as before, with a warning, but is no argument of the class any more",
        "Do not pass it where you construct the class, such as in a test.",
        "deprecated",
    ),
    "member-undeprecated": Kind(
        _C, Side.CALLER, "is no longer deprecated, and an argument of the class", keyword="deprecated"
    ),
    "member-required-new": Kind(_B, Side.CALLER, "is new and required", "Set it in every request."),
    "member-new": Kind(_C, Side.CALLER, "is new"),
    "member-required": Kind(_B, Side.CALLER, "is required now", "Set it in every request.", "required"),
    "member-optional": Kind(_C, Side.CALLER, "is optional now", keyword="required"),
    "member-wider": Kind(_C, Side.REQUEST, "takes `{new}` instead of `{old}`"),
    "member-type": Kind(_B, Side.REQUEST, "takes `{new}` instead of `{old}`", "Adapt what is set."),
    "member-null": Kind(
        _S,
        Side.REQUEST,
        "given as None is {new} instead of {old}",
        "Use UNSET, or leave it out, where nothing is meant to be sent.",
        "type",
    ),
    "reply-wider": Kind(
        _S,
        Side.REPLY,
        "may be `{new}` instead of `{old}`",
        "A value of the new type reaches code that was written for the old ones.",
    ),
    "reply-narrower": Kind(
        _S,
        Side.REPLY,
        "is read as `{new}` instead of `{old}`",
        "A value of a type that is gone becomes None, or the nearest value of the types that are left.",
    ),
    "reply-type": Kind(_B, Side.REPLY, "is `{new}` instead of `{old}`", "Adapt what reads it."),
    "identifier": Kind(
        _S,
        Side.REPLY,
        "is {new} in a reply instead of {old}",
        "A reply without an identifier raises `UnexpectedResponse`, and one without any other member is read.",
        "x-identifier",
    ),
    "api-name": Kind(_S, Side.REQUEST, "is `{new}` in the API instead of `{old}`", _FAKES),
    "reply-name": Kind(
        _S, Side.REPLY, "is read from `{new}` instead of `{old}`", "It is None in a reply that has the old name."
    ),
    "enforced-limit": Kind(_S, Side.REQUEST, "is checked as `{new}` instead of `{old}`", _SENT, "x-enforced"),
    "documented-limit": Kind(_S, Side.REQUEST, "is checked at the level `strict` as `{new}` instead of `{old}`", _SENT),
    "mask": Kind(
        _S,
        Side.MASKING,
        "is masked as {new} instead of {old}",
        "Logs, reprs and traces show a value that they hid, or the reverse.",
        "x-sensitive",
    ),
    "echo": Kind(
        _S,
        Side.REPLY,
        "is compared with {new} of the request instead of {old}",
        "A reply with another value raises `ReplyMismatch`.",
        "x-echoes",
    ),
}
DOCUMENTATION: Final = {
    "description": Kind(_D, Side.CALLER, "is described in other words", keyword="description"),
    "example": Kind(_D, Side.CALLER, "has other examples"),
    "default": Kind(_D, Side.CALLER, "is said to default to {new} on the server instead of {old}", keyword="default"),
    "deprecated": Kind(_D, Side.CALLER, "is {new}", keyword="deprecated"),
    "error-status": Kind(
        _D, Side.REPLY, "documents the status {status} as {new} instead of {old}", keyword="responses"
    ),
    "reply-limit": Kind(_D, Side.REPLY, "is documented with other limits"),
}
KINDS: Final = {**OPERATIONS, **TYPES, **MEMBERS, **DOCUMENTATION}
