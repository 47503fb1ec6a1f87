"""`python -m codegen diff`: each kind of change, with its class, its side, and what it means for a caller."""

from __future__ import annotations

import copy
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from codegen.__main__ import main
from codegen.compiler import compile_contract
from codegen.contract import ACCEPTED, Contract
from codegen.diff import compare, exit_code, render
from tests.codegen.support import INPUTS, LIBRARY, write_fragments

LOAN = "components/schemas/library/loan.yaml"
REQUEST = "components/schemas/library/request.yaml"
LOANS = "paths/loans.yaml"


@pytest.fixture(scope="module")
def before() -> Contract:
    """Return what the library promises."""
    return compile_contract(INPUTS / "library")[1]


def after(root: Path, changes: Mapping[str, tuple[str, str]]) -> Contract:
    """Return what the library promises after changes: of each file, an old text and a new one."""
    fragments = dict(LIBRARY)
    for file, (old, new) in changes.items():
        assert old in fragments[file], (file, old)
        fragments[file] = fragments[file].replace(old, new, 1)
    return compile_contract(write_fragments(root, fragments))[1]


def test_nothing_changed(before: Contract) -> None:
    assert compare(before, copy.deepcopy(before)) == []
    assert exit_code([]) == 0


def test_a_member_that_is_added_is_compatible_and_one_that_is_renamed_is_guessed(
    before: Contract, tmp_path: Path
) -> None:
    found = compare(before, after(tmp_path, {LOAN: ("    weight:\n", "    mass:\n")}))
    assert [each.key for each in found] == [
        "BREAKING library.Loan.weight: is gone; probably it is `mass` now",
        "compatible library.Loan.mass: is new",
    ]
    assert exit_code(found) == 1


def test_a_reply_that_is_read_as_another_union_is_silent(before: Contract, tmp_path: Path) -> None:
    found = compare(before, after(tmp_path, {LOAN: ("type: [string, integer]", "type: [string, integer, boolean]")}))
    assert [(each.severity, each.side, each.place) for each in found] == [("SILENT", "reply", "library.Loan.mark")]
    assert "library.request_loan" in found[0].operations
    assert exit_code(found) == 2


OPERATION = "library.request_loan"
TYPE = ("types", "library", "LoanRequest")
CHANGES: dict[str, tuple[tuple[str, ...], object, str]] = {
    "retry": (("repetition",), "natural", "SILENT retry is retried by the rule"),
    "key": (("key",), "Other-Key, 60 s", "SILENT retry sends its idempotency key as"),
    "scopes": (("scopes",), ["other"], "SILENT credentials accepts tokens with the scopes other"),
    "secret": (("secret_key",), "yes", "SILENT credentials accepts a secret key"),
    "line": (("line",), "PUT /lendings", "SILENT request is sent as `PUT /lendings`"),
    "reference": (("reference",), "other", "SILENT retry is looked up by"),
    "limits": (("parameters",), {"id": "path"}, "SILENT request sends or checks its parameters as"),
    "status": (("statuses", "299"), "Loan", "SILENT reply takes the status 299 as Loan instead of an error"),
    "required argument": (("signature",), "(reader: str) -> Loan", "BREAKING caller needs the argument `reader`"),
    "no argument": (("signature",), "() -> Loan", "BREAKING caller has no argument"),
    "result": (("signature",), "() -> Other", "BREAKING reply returns `Other`"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_fact_of_an_operation(before: Contract, name: str) -> None:
    path, value, expected = CHANGES[name]
    new = copy.deepcopy(before)
    holder = new["operations"]["library"]["request_loan"]
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    found = [f"{each.severity} {each.side} {each.text}" for each in compare(before, new) if each.place == OPERATION]
    assert any(each.startswith(expected) for each in found), found


def test_the_order_of_arguments_is_silent(before: Contract) -> None:
    old, new = copy.deepcopy(before), copy.deepcopy(before)
    for contract, signature in ((old, "(a: str, b: str) -> Loan"), (new, "(b: str, a: str) -> Loan")):
        contract["operations"]["library"]["request_loan"]["signature"] = signature
    (found,) = compare(old, new)
    assert found.key == f"SILENT {OPERATION}: takes its arguments as b, a instead of a, b"


def types(members: Mapping[str, str], **more: object) -> Contract:
    """Return a contract with one class of requests or replies."""
    made = {"kind": "sent", "members": dict(members), **more}
    return {"operations": {}, "types": {"shop": {"Order": made}}, "strict": {}}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("str = None", "str", "BREAKING shop.Order.a: is `str` instead of `str = None`: it is required"),
        ("str", "int", "BREAKING shop.Order.a: is `int` instead of `str`"),
        ("str", "str | int", "compatible shop.Order.a: is `str | int` instead of `str`"),
        ("str | int", "str", "BREAKING shop.Order.a: is `str` instead of `str | int`"),
        ("str, in the API b", "str, in the API c", "SILENT shop.Order.a: is `c` in the API instead of `b`"),
        (
            "Annotated[str, Meta(max_length=3)]",
            "str",
            "SILENT shop.Order.a: is checked as `str` instead of `Annotated[str, Meta(max_length=3)]`",
        ),
    ],
)
def test_a_changed_member_of_a_request(old: str, new: str, expected: str) -> None:
    assert [each.key for each in compare(types({"a": old}), types({"a": new}))] == [expected]


def test_masks_tags_values_and_the_identifier() -> None:
    plain = types({"a": "str"})
    assert "SILENT shop.Order: hides a (pan) instead of none in logs" in [
        each.key for each in compare(plain, types({"a": "str"}, masks={"a": "pan"}))
    ]
    assert [each.side for each in compare(plain, types({"a": "str"}, tag="type=b"))] == ["request"]
    one, two = (types({"a": text}, kind="received") for text in ("str", "str | None = None"))
    assert compare(one, two)[0].key.startswith("SILENT shop.Order.a: is `str | None = None` instead of `str`")
    enums = [types({}, kind="enum", values=values) for values in ({"A": "a", "B": "b"}, {"A": "x", "C": "c"})]
    assert [each.key for each in compare(*enums)] == [
        "SILENT shop.Order.A: is sent as `x` instead of `a`",
        "BREAKING shop.Order.B: is gone",
        "compatible shop.Order.C: is new",
    ]


def test_what_a_person_accepted_is_no_finding() -> None:
    old, new = types({"a": "str"}), types({"a": "int"})
    (found,) = compare(old, new)
    assert compare(old, {**new, ACCEPTED: [{"why": "The API takes numbers only.", "changes": [found.key]}]}) == []


def test_a_schema_that_is_sent_and_received_is_one_finding(before: Contract) -> None:
    class_, reply = ({"kind": kind, "members": {"a": "str = None"}} for kind in ("sent", "received"))
    old: Contract = {"operations": {}, "types": {"shop": {"Order": class_, "OrderResponse": reply}}, "strict": {}}
    new: Contract = {"operations": {}, "types": {"shop": {"Order": {**class_, "members": {}}}}, "strict": {}}
    new["types"]["shop"]["OrderResponse"] = {**reply, "members": {}}
    assert [each.key for each in compare(old, new)] == ["BREAKING shop.Order.a: is gone"]


def test_the_formats() -> None:
    found = compare(types({"a": "str"}), types({"a": "int"}))
    assert render(found, "text") == "BREAKING (request) shop.Order.a is `int` instead of `str`.\n"
    assert render(found, "markdown") == "- **BREAKING** `shop.Order.a` is `int` instead of `str`.\n"
    assert json.loads(render(found, "json"))[0]["place"] == "shop.Order.a"


@pytest.mark.slow
def test_the_command_compares_a_git_revision_with_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_fragments(tmp_path, LIBRARY)
    settings = ["-c", "user.name=a", "-c", "user.email=a@shop.example"]
    for command in (["init", "-q"], ["add", "--all"], ["commit", "-q", "--message", "one"]):
        subprocess.run(["git", *settings, *command], cwd=tmp_path, check=True)
    changed = {
        **LIBRARY,
        LOAN: LIBRARY[LOAN].replace("    weight:\n", "    added: {type: string, description: A.}\n    mass:\n"),
    }
    write_fragments(tmp_path, changed)
    assert main(["diff", "HEAD", str(tmp_path), "--root", str(tmp_path)]) == 1
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("BREAKING (caller) library.Loan.weight is gone. Reaches library.")
    assert first.endswith(f"(openapi/{LOAN}:13 -> openapi/{LOAN}:1)")
    assert main(["diff", "nowhere", str(tmp_path), "--root", str(tmp_path)]) == 2
    assert "nowhere: neither a folder that contains openapi/ nor a git revision" in capsys.readouterr().err
