"""Emits the constants that the package itself reads of the API: names of headers and members, and currencies."""

from __future__ import annotations

from typing import Final

from codegen.document import Object
from codegen.passes import facts
from codegen.render_text import HEADER, literal

_DOCSTRING: Final = '"""What the package itself reads of the API. It imports no other module of the package."""'
_DOCUMENTED: Final = {
    "REQUEST_ID_HEADER": "The header of a reply with the identifier of its request.",
    "SIGNATURE_HEADER": "The header of a webhook with its signature.",
    "ERROR_REQUEST_ID": "The member of an error body with the identifier of the request.",
    "ERROR_TYPE": "The member of an error body with the kind of error.",
    "ERROR_CODES": "The member of an error body with the reasons.",
}


def emit_facts(document: Object) -> str:
    """Return the module. A name that the specification does not have is empty."""
    lines = [
        f"# {HEADER}",
        _DOCSTRING,
        "",
        "from __future__ import annotations",
        "",
        "from collections.abc import Mapping",
        "from typing import Final",
        "",
    ]
    for constant, places in facts.names_by_role(document).items():
        lines += _constant(constant, "str", literal(places[0].name if places else ""), _DOCUMENTED[constant])
    keys, visible = facts.key_headers(document), facts.visible_headers(document)
    about = "Headers that carry an idempotency key."
    lines += _constant("KEY_HEADERS", "tuple[str, ...]", _tuple(keys), about)
    lines += _constant("VISIBLE_HEADERS", "tuple[str, ...]", _tuple(visible), "Headers of replies that may show.")
    counted = "How many decimals the minor unit of a currency stands for. All other currencies have OTHER_DECIMALS."
    lines += _constant("DECIMALS", "Mapping[str, int]", literal(facts.decimals(document)), counted)
    lines += [f"OTHER_DECIMALS: Final = {literal(facts.other_decimals(document))}"]
    taken = "The API takes only multiples of these, in the minor unit."
    lines += _constant("STEPS", "Mapping[str, int]", literal(facts.steps(document)), taken)
    return "\n".join(lines) + "\n"


def _constant(name: str, type_: str, value: str, text: str) -> list[str]:
    return [f"{name}: Final[{type_}] = {value}" if type_ != "str" else f"{name}: Final = {value}", f'"""{text}"""']


def _tuple(texts: list[str]) -> str:
    return f"({''.join(f'{literal(text)}, ' for text in texts)})"
