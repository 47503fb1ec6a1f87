"""Checks of what the package itself reads of the API: the roles of headers and members, and the table of currencies."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from codegen.diagnostics import Problems
from codegen.document import Object
from codegen.keywords import IDEMPOTENCY_KEY, NOT_SENSITIVE
from codegen.passes.facts import (
    MEMBER_ROLES,
    REQUEST_ID,
    SIGNATURE,
    error_schemas,
    names_by_role,
    reply_headers,
    webhook_parameters,
)
from codegen.passes.walk import calls, parameters, schemas

_CURRENCY: Final = re.compile("[A-Z]{3}")
_DECIMALS: Final = re.compile("[0-9]")
_STEP: Final = re.compile("[1-9][0-9]{0,5}")


def check_facts(document: Object, problems: Problems) -> None:
    """Report roles that mean nothing or are given twice, and mistakes in the table of currencies."""
    _check_parameters(document, problems)
    _check_headers(document, problems)
    _check_members(document, problems)
    for places in names_by_role(document).values():
        for place in places[1:]:
            message = f"x-role: '{place.name}' has the role that '{places[0].name}' has at {places[0].origin}"
            problems.add(place.origin, message)
    _check_currencies(document.object("x-currencies"), problems)


def _check_parameters(document: Object, problems: Problems) -> None:
    for call in calls(document.object("paths")):
        for each in parameters(document, call):
            _check_role(each, (IDEMPOTENCY_KEY,), problems)
    for each, _ in webhook_parameters(document):
        _check_role(each, (SIGNATURE,), problems)


def _check_headers(document: Object, problems: Problems) -> None:
    checked: set[int] = set()
    for header, place in reply_headers(document):
        if id(header) in checked:
            continue  # several replies refer to one header
        checked.add(id(header))
        _check_role(header, (REQUEST_ID,), problems)
        if header.text("x-sensitive") not in {NOT_SENSITIVE, ""}:
            problems.add(header.at("x-sensitive"), f"header '{place.name}': x-sensitive must be {NOT_SENSITIVE}")


def _check_members(document: Object, problems: Problems) -> None:
    errors = error_schemas(document)
    for name, schema in schemas(document).objects():
        for member, value in schema.object("properties").objects():
            if "x-role" in value and name not in errors:
                problems.add(value.at("x-role"), f"property '{member}': x-role is for the body of an error")
            else:
                _check_role(value, MEMBER_ROLES, problems)


def _check_role(holder: Object, allowed: Iterable[str], problems: Problems) -> None:
    if holder.text("x-role") not in {*allowed, ""}:
        problems.add(holder.at("x-role"), f"x-role must be {' or '.join(allowed)}")


def _check_currencies(currencies: Object, problems: Problems) -> None:
    if not currencies:
        return
    for key in ("source", "date", "other", "decimals"):
        if key not in currencies:
            problems.add(currencies.origin, f"the table of currencies has no {key}")
    for key, number in (("decimals", _DECIMALS), ("steps", _STEP)):
        groups = currencies.object(key)
        first: dict[str, str] = {}
        for group in groups:
            if not number.fullmatch(group):
                problems.add(groups.at(group), f"{key}: '{group}' is not a whole number that an amount can have")
            codes = groups.array(group)
            for code, origin in zip(codes, codes.origins, strict=True):
                if not _CURRENCY.fullmatch(str(code)):
                    problems.add(origin, f"'{code}' is not a currency code of three capital letters (ISO 4217)")
                elif str(code) in first:
                    problems.add(origin, f"{key}: '{code}' also stands under '{first[str(code)]}'")
                first.setdefault(str(code), group)
