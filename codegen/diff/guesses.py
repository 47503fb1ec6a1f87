"""Guesses which names that are gone came back under another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from typing import Final

_LEAST: Final = 0.6
"""How much of two things must be the same for one to be the other under a new name: from 0 to 1."""


def guess_renames(gone: Mapping[str, Sequence[str]], added: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return for each name that is gone the new name it probably has, by what stands under both names.

    Of several that fit, the one with the most in common is taken, and then the one with the most similar name. A name
    is taken once.
    """
    pairs = [
        (_shared(what, other), SequenceMatcher(None, name, new).ratio(), name, new)
        for name, what in gone.items()
        for new, other in added.items()
    ]
    found: dict[str, str] = {}
    for shared, _, name, new in sorted(pairs, reverse=True):
        if shared >= _LEAST and name not in found and new not in found.values():
            found[name] = new
    return found


def _shared(one: Sequence[str], other: Sequence[str]) -> float:
    """Return the share of what stands in both: 1 if they are the same, 0 if nothing is or if there is nothing."""
    whole = {*one, *other}
    return len({*one} & {*other}) / len(whole) if whole else 0.0
