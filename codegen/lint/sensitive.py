"""Finds members that look sensitive by name or description and do not say whether they are.

A member that is not masked shows in logs and tracebacks. So what looks sensitive has `x-sensitive`; if it is not, it
says `x-sensitive: none`, which a reviewer sees.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from codegen.diagnostics import Origin, Problems
from codegen.document import Object
from codegen.passes.walk import reference_name, schemas, type_names

_WORD_BREAK: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^0-9A-Za-z]+")
_PERSONAL: Final = (
    r"iban|bban|account_(?:number|no)|tax_(?:id|number|code)|vat_number|national_id|passport|ssn|cpf|e_?mail"
    r"|(?:tele)?phone|mobile|birth|dob|birth_?day|birth_?date|date_of_birth|[a-z]*_?name|address|(?:address_)?line_?\d"
    r"|street|city|zip|postal_code|postcode|(?<![a-z]_)number|(?:phone|document|passport|licen[cs]e|id)_number"
)
_PERSONAL_TEXTS: Final = (
    r"\biban\b|\baccount number\b|\btax (?:number|id)|\be-mail address\b|\b(?:tele)?phone number"
    r"|\b(?:date|place|country|day) of birth\b"
)
# For each mask, the last words of a name, and what a description says. The first that matches is proposed.
_LOOKS: Final = tuple(
    (mask, re.compile(rf"(?:^|_)(?:{name})$"), re.compile(description, re.IGNORECASE))
    for mask, name, description in (
        ("pan", "pan|card_number|card_no", r"\bcard number\b|\bnumber of the (?:card|network token)\b"),
        ("cvv", "cvv2?|cvc2?|csc|security_code", r"\b(?:cvv2?|cvc2?)\b|\bcard verification\b|\bsecurity code\b"),
        (
            "secret",
            r"track_?[123]?(?:_data)?|pin(?:_block)?|cryptogram|cavv|token|secret|password|passcode|private_key",
            r"\bmagnetic\b|\bPIN\b|\bcryptogram\b|\bsecret\b|\bpassword\b",
        ),
        ("personal", _PERSONAL, _PERSONAL_TEXTS),
    )
)


class Look(NamedTuple):
    """A member that looks sensitive: its schema, its name, the mask it would have, and where it stands."""

    schema: str
    member: str
    mask: str
    origin: Origin


def check_sensitive(document: Object, problems: Problems) -> None:
    """Report members that look sensitive and do not say whether they are."""
    for look in unmarked(document):
        message = f"property '{look.member}' of {look.schema} looks sensitive: add `x-sensitive: {look.mask}`"
        problems.add(look.origin, f"{message}, or `x-sensitive: none` if it may show in logs")


def unmarked(document: Object) -> Iterator[Look]:
    """Yield the members that look sensitive and do not say whether they are."""
    named = schemas(document)
    for name, schema in named.objects():
        properties = schema.object("properties")
        for key, member in properties.objects():
            mask = None if "x-sensitive" in member else propose_mask(key, member)
            if mask and not _describes_itself(member):
                yield Look(name, key, mask, properties.at(key))


def propose_mask(name: str, member: Object) -> str | None:
    """Return the mask of a member that looks sensitive, or None if it does not."""
    words = _WORD_BREAK.sub("_", name).strip("_").lower()
    text = member.text("description")
    return next((mask for mask, names, texts in _LOOKS if names.search(words) or texts.search(text)), None)


def _describes_itself(member: Object) -> bool:
    """Return whether a member has no value of its own to hide: an object with marks inside, an enum, a flag."""
    item = member.object("items") if "items" in member else member
    return bool(reference_name(item)) or "const" in member or type_names(member) == ["boolean"]
