"""`python -m codegen lint`: what a reviewer would ask about, and what `--fix` corrects, and it leaves the rest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from codegen.__main__ import main
from codegen.compiler import check_fragments, compile_document
from codegen.document import NOWHERE, Object
from codegen.lint import fix_fragments, lint
from codegen.lint.sensitive import propose_mask, unmarked
from tests.codegen.support import HERE, ITEM, ORDER, SCHEMAS, SHOP, write_fragments
from tests.codegen.test_write import fill_disk, refuse

REPLY = "          schema: {$ref: '../components/schemas/shop/order.yaml#/Order'}\n"
BODY = "        schema: {$ref: '../components/schemas/shop/order.yaml#/OrderRequest'}\n"
EXAMPLES = {
    REPLY: f"{REPLY}          examples: {{one: {{value: {{id: '1'}}}}}}\n",
    BODY: f"{BODY}        examples: {{one: {{value: {{item: tea}}}}}}\n",
}
PATH = "paths/orders.yaml"


def clean() -> dict[str, str]:
    """Return the fragments of the shop with an example for each body, which nobody has to ask about."""
    shop = dict(SHOP)
    for old, new in EXAMPLES.items():
        assert old in shop[PATH]
        shop[PATH] = shop[PATH].replace(old, new)
    return shop


def asked(root: Path, fragments: Mapping[str, str]) -> list[str]:
    folder = write_fragments(root, fragments) / "openapi"
    return [str(each) for each in lint(check_fragments(folder), folder)]


def member(text: str) -> dict[str, str]:
    """Return the fragments with other lines of the member `item`."""
    shop = clean()
    return {**shop, ORDER: shop[ORDER].replace(ITEM, text).replace("required: [item]", "required: []")}


def test_what_nobody_has_to_ask_about(tmp_path: Path) -> None:
    assert asked(tmp_path, clean()) == []


@pytest.mark.costly
def test_the_fragments_of_the_package_are_clean() -> None:
    folder = HERE.parents[1] / "openapi"
    assert lint(check_fragments(folder), folder) == ()


@pytest.mark.parametrize(
    ("name", "mask"),
    [
        ("number", "personal"),
        ("card_number", "pan"),
        ("cardNumber", "pan"),
        ("pan", "pan"),
        ("cvv", "cvv"),
        ("security_code", "cvv"),
        ("track2_data", "secret"),
        ("pin", "secret"),
        ("cryptogram", "secret"),
        ("access_token", "secret"),
        ("client_secret", "secret"),
        ("password", "secret"),
        ("iban", "personal"),
        ("account_number", "personal"),
        ("tax_id", "personal"),
        ("customer_email", "personal"),
        ("phone", "personal"),
        ("date_of_birth", "personal"),
        ("first_name", "personal"),
        ("billing_address", "personal"),
        ("address_line1", "personal"),
        ("reference_number", None),
        ("number_of_payments", None),
        ("token_type", None),
        ("spinning", None),
        ("addressee_count", None),
    ],
)
def test_a_name_that_looks_sensitive(name: str, mask: str | None) -> None:
    assert propose_mask(name, Object({"description": "A value."}, NOWHERE, {})) == mask


@pytest.mark.parametrize(
    ("text", "mask"),
    [
        ("First digits of the card number.", "pan"),
        ("The CVC of the card.", "cvv"),
        ("The PIN block.", "secret"),
        ("The payee's IBAN.", "personal"),
        ("Their date of birth.", "personal"),
        ("Whether it is pinned.", None),
    ],
)
def test_a_description_that_sounds_sensitive(text: str, mask: str | None) -> None:
    assert propose_mask("value", Object({"description": text}, NOWHERE, {})) == mask


def test_a_member_that_looks_sensitive_says_whether_it_is(tmp_path: Path) -> None:
    email = "    email:\n      type: string\n      description: Where to write to.\n"
    (question,) = asked(tmp_path, member(email))
    assert question == (
        f"openapi/{ORDER}:6: property 'email' of OrderRequest looks sensitive: add `x-sensitive: personal`, "
        "or `x-sensitive: none` if it may show in logs"
    )
    for mask in ("personal", "none"):
        assert asked(tmp_path, member(f"{email}      x-sensitive: {mask}\n")) == []
    published = compile_document(tmp_path / "openapi")
    assert "x-sensitive" not in str(published), "what is not sensitive is not masked"


@pytest.mark.parametrize(
    "text",
    [
        "    has_email: {type: boolean, description: Whether it is known.}\n",
        "    address: {$ref: '#/Order', description: Where it goes.}\n",
        "    names: {type: array, description: All., items: {$ref: '#/Order'}}\n",
    ],
)
def test_a_member_without_a_value_of_its_own_to_hide(tmp_path: Path, text: str) -> None:
    assert asked(tmp_path, member(text)) == []


def test_a_post_that_is_repeated_says_why(tmp_path: Path) -> None:
    shop = clean()
    why = "needs an `x-idempotency-reason`: why a second execution has no second effect"
    for repetition in ("safe", "natural"):
        path = shop[PATH].replace("x-idempotency: none\n", f"x-idempotency: {repetition}\n")
        question = f"openapi/{PATH}:6: a POST that is `{repetition}` {why}"
        assert asked(tmp_path, {**shop, PATH: path}) == [question]
        reason = path.replace("  requestBody:", "  x-idempotency-reason: It only reads.\n  requestBody:")
        assert asked(tmp_path, {**shop, PATH: reason}) == []


@pytest.mark.parametrize(
    ("text", "question"),
    [
        (
            "    amount: {type: integer, description: How much.}\n",
            "the description of the amount 'amount' must name its unit",
        ),
        ("    amount: {type: integer, description: In the minor unit.}\n", ""),
        ("    amount: {type: string, description: How much.}\n", ""),
        (
            "    timeout: {type: integer, description: How long.}\n",
            "the description of the time 'timeout' must name its unit",
        ),
        ("    timeout: {type: integer, description: 'How long, in minutes.'}\n", ""),
        (
            "    item: {type: string, description: It., maxLength: 9, x-enforced: {maxLength: seen}}\n",
            "x-enforced: the ground of 'maxLength' must be a phrase that a person can check",
        ),
        (
            "    item: {type: string, description: It., x-review: The type is guessed.}\n",
            "a draft: The type is guessed. Review it, and remove `x-review`",
        ),
        (
            "    item: {description: It., type: string}\n",
            "the keywords of a schema stand in this order: type, description (`lint --fix` does it)",
        ),
    ],
)
def test_units_grounds_drafts_and_order(tmp_path: Path, text: str, question: str) -> None:
    assert asked(tmp_path, member(text)) == ([f"openapi/{ORDER}:6: {question}"] if question else [])


def test_bodies_without_an_example(tmp_path: Path) -> None:
    assert asked(tmp_path, SHOP) == [
        f"openapi/{PATH}:7: request_order shows no example of its request body",
        f"openapi/{PATH}:13: request_order shows no example of a reply",
    ]


UNTIDY = """\
# Above.
OrderRequest:
  description: What to order.  # beside
  type: object
  required: [item]
  properties:
    item:
      # Inside.
      description: >-
        The goods,

        in words.
      type: 'string'

    email:
      type: string
      description: Where to write to.
      maxLength: 9
      minLength: 1
    note: {description: A note., type: string}
"""
TIDY = """\
# Above.
OrderRequest:
  type: object
  description: What to order.  # beside
  required: [item]
  properties:
    item:
      # Inside.
      type: 'string'
      description: >-
        The goods,

        in words.

    email:
      type: string
      description: Where to write to.
      minLength: 1
      maxLength: 9
      x-sensitive: personal
    note: {description: A note., type: string}
"""


def test_fix_moves_whole_lines_masks_what_looks_sensitive_and_leaves_the_rest(tmp_path: Path) -> None:
    rest = SCHEMAS[SCHEMAS.index("Order:\n") :]
    folder = write_fragments(tmp_path, {**clean(), ORDER: UNTIDY + rest}) / "openapi"
    before = {path: path.read_bytes() for path in folder.rglob("*.yaml")}
    old = compile_document(folder)
    assert list(fix_fragments(folder, unmarked(check_fragments(folder)))) == [ORDER]
    assert (folder / ORDER).read_text() == TIDY + rest
    assert {path for path, text in before.items() if path.read_bytes() != text} == {folder / ORDER}
    new = compile_document(folder)
    for document in (old, new):
        document.object("components").object("schemas").object("OrderRequest").object("properties").object("email").pop(
            "x-sensitive", None
        )
    assert old == new
    assert list(fix_fragments(folder, unmarked(check_fragments(folder)))) == []
    # What is in braces on one line is for a person.
    (question,) = lint(check_fragments(folder), folder)
    assert question.origin.line == 21


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    email = "    email:\n      type: string\n      description: Where to write to.\n"
    write_fragments(tmp_path, member(email))
    assert main(["lint", "--root", str(tmp_path)]) == 1
    assert "looks sensitive" in capsys.readouterr().err
    assert main(["lint", "--fix", "--root", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"corrected openapi/{ORDER}\n"
    assert main(["lint", "--root", str(tmp_path)]) == 0


def test_fix_says_what_it_wrote_when_problems_are_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    email = "    email:\n      type: string\n      description: Where to write to.\n"
    left = "    timeout: {type: integer, description: How long.}\n"
    write_fragments(tmp_path, member(email + left))
    assert main(["lint", "--fix", "--root", str(tmp_path)]) == 1
    shown = capsys.readouterr()
    assert shown.out == f"corrected openapi/{ORDER}\n"
    assert shown.err.splitlines()[-1] == "found 1 problem; nothing but the corrections was written"
    # The second run has nothing to correct.
    assert main(["lint", "--fix", "--root", str(tmp_path)]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == "found 1 problem; nothing was written"


def test_fix_that_fails_at_a_file_says_what_it_wrote_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    email = "    email:\n      type: string\n      description: Where to write to.\n"
    write_fragments(tmp_path, {**member(email), "README.md": ""})

    def fail(_folder: Path, _decisions: object) -> bool:
        raise OSError(28, "No space left on device", "README.md")

    monkeypatch.setattr("codegen.commands.fix_tables", fail)
    assert main(["lint", "--fix", "--root", str(tmp_path)]) == 2
    shown = capsys.readouterr()
    assert shown.out == f"corrected openapi/{ORDER}\n"
    assert shown.err == "README.md: No space left on device; nothing but the corrections was written\n"


def test_fix_on_a_full_disk_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_fragments(tmp_path, member("    email:\n      type: string\n      description: Where to write to.\n"))
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    with monkeypatch.context() as patch:
        fill_disk(patch, 1, refuse)
        assert main(["lint", "--fix", "--root", str(root)]) == 2
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before
    assert "No space left on device; the files are as they were" in capsys.readouterr().err


def test_a_readme_that_is_not_utf_8_is_its_own_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_fragments(tmp_path, clean())
    (root / "openapi" / "README.md").write_bytes(b"caf\xe9")
    for command in (["lint"], ["lint", "--fix"]):
        assert main([*command, "--root", str(root)]) == 1
        assert capsys.readouterr().err.startswith("openapi/README.md:1: the file must be UTF-8 text\n")
