"""Versions that are compared: folders, bundles and git revisions, with file and line on both sides, and the command."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from codegen.__main__ import main
from codegen.compiler import compile_document, read_bundle
from codegen.diagnostics import SpecificationError
from codegen.diff import Finding, compare_versions
from codegen.publish import with_modules
from codegen.revisions import Version, read_version
from tests.codegen.support import HERE, INPUTS, LIBRARY, SHOP, write_fragments

LOAN = "components/schemas/library/loan.yaml"
REQUEST = "components/schemas/library/request.yaml"
BOOK = "components/schemas/common/book.yaml"
PARAMETERS = "components/parameters/library.yaml"
LOANS = "paths/loans.yaml"
RENEWALS = "paths/loans_{id}_renewals.yaml"
# Changes of the fragments, all at once: file, old text, new text.
CHANGES = [
    (LOAN, "    weight:\n", "    mass:\n"),
    (LOAN, "type: [string, integer]", "type: [string, integer, boolean]"),
    (LOAN, "Number of the volume.", "Which volume."),
    (LOAN, "      x-sensitive: personal\n", ""),
    (REQUEST, "    DonationRequest: [donor, kind]\n", "    DonationRequest: [donor]\n"),
    (REQUEST, "      maximum: 28\n", "      maximum: 28\n      x-enforced: {maximum: the library lends no longer}\n"),
    (REQUEST, "required: [reader]", "required: [reader, shelf]"),
    (BOOK, "enum: [new, worn]", "enum: [new, lost]"),
    (PARAMETERS, "x-key-lifetime: 5400", "x-key-lifetime: 60"),
    (PARAMETERS, "    default: 10\n", "    default: 20\n"),
    (PARAMETERS, "name: since\n", "name: from-day\n  x-python-name: since\n"),
    (LOANS, "x-idempotency: key", "x-idempotency: none"),
    (LOANS, "  parameters:\n    - $ref: '../components/parameters/library.yaml#/RequestKey'\n", ""),
    (LOANS, "summary: Borrow or donate a book", "summary: Borrow a book"),
    (RENEWALS, "    '204':\n      description: It was renewed.\n", ""),
]
# What is found, with the line of the fragments on both sides.
EXPECTED = {
    ("BREAKING", "argument-gone", "library.request_loan"): ("post:", "post:"),
    ("BREAKING", "member-renamed", "library.Loan.weight"): ("weight:", "mass:"),
    ("BREAKING", "member-required", "library.LoanRequest.shelf"): ("shelf:", "required: [reader, shelf]"),
    ("BREAKING", "result", "library.renew_loan"): ("responses:", "responses:"),
    ("BREAKING", "value-gone", "common.BookState.WORN"): ("enum: [new, worn]", ""),
    ("SILENT", "body-recognition", "library.request_loan"): ("requestBody:", "requestBody:"),
    ("SILENT", "enforced-limit", "library.RenewalRequest.days"): (
        "days:",
        "x-enforced: {maximum: the library lends no longer}",
    ),
    ("SILENT", "idempotency-header", "library.request_loan"): ("name: Library-Request-Key", "post:"),
    ("SILENT", "key-lifetime", "library.renew_loan"): ("x-key-lifetime: 5400", "x-key-lifetime: 60"),
    ("SILENT", "mask", "library.Keeper.place"): ("x-sensitive: personal", "place:"),
    ("SILENT", "parameter-sent", "library.list_loans.since"): ("name: since", "name: from-day"),
    ("SILENT", "reply-wider", "library.Loan.mark"): ("mark:", "mark:"),
    ("SILENT", "retry-class", "library.request_loan"): ("x-idempotency: key", "x-idempotency: none"),
    ("SILENT", "success-status", "library.renew_loan"): ("responses:", "responses:"),
    ("compatible", "value-new", "common.BookState.LOST"): ("", "enum: [new, lost]"),
    ("documentation", "default", "library.list_loans.page_size"): ("default: 10", "default: 20"),
    ("documentation", "description", "library.Loan.volume"): (
        "description: Number of the volume.",
        "description: Which volume.",
    ),
    ("documentation", "description", "library.request_loan"): (
        "description: A donation is a loan without an end.",
        "description: A donation is a loan without an end.",
    ),
}


def fragments(*changes: tuple[str, str, str]) -> Mapping[str, str]:
    """Return the fragments of the library after changes: file, old text and new text."""
    changed = dict(LIBRARY)
    for file, old, new in changes:
        assert changed[file].count(old) == 1, (file, old)
        changed[file] = changed[file].replace(old, new)
    return changed


def lines(found: list[Finding], after: Mapping[str, str]) -> dict[tuple[str, str, str], tuple[str, str]]:
    """Return the line of the fragments that each finding names on both sides."""
    sides = (LIBRARY, after)
    return {
        (each.severity.value, each.kind, each.place): (_line(sides[0], each.old), _line(sides[1], each.new))
        for each in found
    }


def _line(of: Mapping[str, str], place: str) -> str:
    file, _, number = place.removeprefix("openapi/").rpartition(":")
    return of[file].splitlines()[int(number) - 1].strip() if place else ""


@pytest.fixture(scope="module")
def before() -> Version:
    """Return the library."""
    return read_version(str(INPUTS / "library"), HERE)


@pytest.fixture(scope="module")
def after(tmp_path_factory: pytest.TempPathFactory) -> Version:
    """Return the library after all changes."""
    return read_version(str(write_fragments(tmp_path_factory.mktemp("after"), fragments(*CHANGES))), HERE)


@pytest.mark.costly
def test_changed_fragments_are_findings_with_file_and_line_on_both_sides(before: Version, after: Version) -> None:
    found = compare_versions(before, after)
    assert lines(found, fragments(*CHANGES)) == EXPECTED
    (shared,) = (each for each in found if each.kind == "reply-wider")
    assert set(shared.operations) == {
        f"library.{name}" for name in ("list_loans", "renew_loan", "request_loan", "search_loans")
    }
    assert compare_versions(after, after) == []


def write_bundle(root: Path, target: Path) -> Path:
    document = with_modules(compile_document(root / "openapi"))
    target.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return target


def test_a_bundle_is_what_its_fragments_are(tmp_path: Path, before: Version, after: Version) -> None:
    bundle = read_version(str(write_bundle(INPUTS / "library", tmp_path / "old.json")), HERE)
    assert compare_versions(bundle, before) == compare_versions(before, bundle) == []
    found = compare_versions(bundle, after)
    assert {(each.severity.value, each.kind, each.place) for each in found} == EXPECTED.keys()
    text = (tmp_path / "old.json").read_text(encoding="utf-8").splitlines()
    for each in found:
        if each.kind in {"retry-class", "description", "member-renamed"}:
            name, _, line = each.old.partition(":")
            assert name == "old.json"
            shown = {"retry-class": '"x-idempotency": "key"', "member-renamed": '"weight": {'}
            assert shown.get(each.kind, '"description": ') in text[int(line) - 1]


@pytest.mark.parametrize("text", ["{}", '{"components": {"schemas": {"A": {"type": "object"}}}}', '{"components": 1}'])
def test_another_document_is_no_bundle(tmp_path: Path, text: str) -> None:
    path = tmp_path / "upstream.json"
    path.write_text(text)
    with pytest.raises(SpecificationError, match=r"upstream.json:1: not a bundle of this compiler.*`compare` reads"):
        read_bundle(path)


@pytest.mark.costly
def test_the_bundle_of_the_package_is_what_its_fragments_are() -> None:
    bundle = read_bundle(HERE.parents[1] / "checkout_async" / "_generated" / "openapi.json")
    compiled = compile_document(HERE.parents[1] / "openapi")
    assert json.dumps(with_modules(bundle)) == json.dumps(with_modules(compiled))


def git(root: Path, *command: str) -> None:
    settings = ["-c", "user.name=a", "-c", "user.email=a@shop.example"]
    subprocess.run(["git", *settings, *command], cwd=root, check=True)


@pytest.mark.slow
def test_the_command_compares_a_git_revision_with_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_fragments(tmp_path / "repository", LIBRARY)
    git(root, "init", "-q")
    git(root, "add", "--all")
    git(root, "commit", "-q", "--message", "one")
    write_fragments(root, fragments(CHANGES[0]))
    assert main(["diff", "HEAD", str(root), "--root", str(root)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "BREAKING (caller) library.Loan.weight is gone; probably it is `mass` now.",
        "    Rename it.",
        "    Reaches library.list_loans, library.renew_loan, library.request_loan, library.search_loans.",
        f"    openapi/{LOAN}:13 -> openapi/{LOAN}:13",
        "1 BREAKING.",
    ]
    assert main(["diff", "nowhere", str(root), "--root", str(root)]) == 2
    assert "nowhere: neither a folder that contains openapi/, nor a bundle" in capsys.readouterr().err


@pytest.mark.slow
def test_an_old_revision_that_todays_rules_refuse_is_still_compared(tmp_path: Path) -> None:
    root = tmp_path / "repository"
    refused = fragments((LOAN, "description: Identifier of the loan.", "x-unknown: 1"))
    write_fragments(root, refused)
    git(root, "init", "-q")
    git(root, "add", "--all")
    git(root, "commit", "-q", "--message", "one")
    old, new = read_version("HEAD", root), read_version(str(INPUTS / "library"), root)
    assert [(each.kind, each.place) for each in compare_versions(old, new)] == [("description", "library.Loan.id")]


@pytest.mark.slow
def test_a_change_that_was_accepted_since_a_version_is_no_finding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_fragments(tmp_path / "new", LIBRARY)
    assert main(["accept", "--root", str(root)]) == 0
    old = tmp_path / "old"
    shutil.copytree(root, old)
    write_fragments(root, fragments(CHANGES[1]))
    assert main(["diff", str(old), str(root)]) == 2
    assert main(["accept", "--root", str(root), "--since", str(old)]) == 1
    assert "SILENT reply-wider library.Loan.mark: may be" in capsys.readouterr().err
    assert main(["accept", "--root", str(root), "--since", str(old), "--why", "Seen in a reply."]) == 0
    (entry,) = json.loads((root / "openapi" / "contract.json").read_bytes())["accepted"]
    assert entry["why"] == "Seen in a reply."
    assert [each.partition(": ")[0] for each in entry["changes"]] == ["SILENT reply-wider library.Loan.mark"]
    capsys.readouterr()
    assert main(["diff", str(old), str(root)]) == 0
    assert capsys.readouterr().out == ""


HOSTS = """\
servers:
  - {url: 'https://{account}.test.example/', x-environment: test, variables: {account: {default: a}}}
  - {url: 'https://live.example', x-environment: live}
  - {url: 'https://docs.example', description: For readers only.}
"""
TOKENS = """\
servers:
  - {url: 'https://tokens.test.example', x-environment: test}
  - {url: 'https://tokens.live.example', x-environment: live}
post:
  operationId: request_token
  tags: [Shop]
  summary: Get a token
  description: Gets a token.
  x-idempotency: natural
  x-idempotency-reason: It only issues a token.
  responses: {'204': {description: Done.}}
"""
WITH_HOSTS = {
    **SHOP,
    "openapi.yaml": SHOP["openapi.yaml"]
    .replace("tags:\n", f"{HOSTS}tags:\n")
    .replace("paths:\n", "paths:\n  /token: {$ref: paths/token.yaml}\n"),
    "paths/token.yaml": TOKENS,
}
SCHEMES = "components/securitySchemes/all.yaml"


def _found(root: Path, *changes: tuple[str, str, str]) -> list[str]:
    """Return what is found from the shop with hosts to the shop after changes, with the new lines."""
    after = dict(WITH_HOSTS)
    for file, old, new in changes:
        assert old in after[file]
        after[file] = after[file].replace(old, new)
    sides = [write_fragments(root / name, each) for name, each in (("old", WITH_HOSTS), ("new", after))]
    found = compare_versions(*(read_version(str(side), root) for side in sides))
    return [f"{each.key} ({each.old.rpartition('/')[2]} -> {each.new.rpartition('/')[2]})" for each in found]


def _swap(text: str) -> str:
    changed = text.replace("x-environment: test", "x-environment: X").replace("environment: live", "environment: test")
    return changed.replace("x-environment: X", "x-environment: live")


def test_environments_that_change_their_servers_are_silent(tmp_path: Path) -> None:
    assert _found(tmp_path, ("openapi.yaml", HOSTS, _swap(HOSTS))) == [
        (
            "SILENT server servers.api.live: is https://{subdomain}.test.example instead of https://live.example "
            "(openapi.yaml:5 -> openapi.yaml:4)"
        ),
        (
            "SILENT server servers.api.test: is https://live.example instead of https://{subdomain}.test.example "
            "(openapi.yaml:4 -> openapi.yaml:5)"
        ),
    ]


def test_token_endpoints_that_change_their_servers_are_silent(tmp_path: Path) -> None:
    assert _found(tmp_path, ("paths/token.yaml", TOKENS, _swap(TOKENS))) == [
        (
            "SILENT server servers.token_endpoint.live: is https://tokens.test.example/token instead of "
            "https://tokens.live.example/token (token.yaml:3 -> token.yaml:2)"
        ),
        (
            "SILENT server servers.token_endpoint.test: is https://tokens.live.example/token instead of "
            "https://tokens.test.example/token (token.yaml:2 -> token.yaml:3)"
        ),
    ]


def test_an_environment_that_is_gone_breaks_who_chose_it(tmp_path: Path) -> None:
    (found,) = _found(tmp_path, ("openapi.yaml", "https://live.example', x-environment: live", "https://live.example'"))
    assert found == "BREAKING server-gone servers.api.live: is gone; it was https://live.example (openapi.yaml:5 -> )"


def test_another_token_url_is_silent(tmp_path: Path) -> None:
    (found,) = _found(tmp_path, (SCHEMES, "https://shop.example/token", "https://evil.example/token"))
    assert found == (
        "SILENT server servers.tokenUrl.oauth: is https://evil.example/token instead of https://shop.example/token "
        "(all.yaml:5 -> all.yaml:5)"
    )


def test_the_order_of_servers_and_a_server_for_readers_mean_nothing(tmp_path: Path) -> None:
    first, *rest = HOSTS.splitlines(keepends=True)
    (test, live, _) = rest
    assert _found(tmp_path, ("openapi.yaml", HOSTS, first + live + test)) == []


@pytest.mark.slow
def test_the_check_names_a_changed_server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_fragments(tmp_path, WITH_HOSTS)
    assert main(["accept", "--root", str(root)]) == 0
    write_fragments(root, {**WITH_HOSTS, "openapi.yaml": WITH_HOSTS["openapi.yaml"].replace(HOSTS, _swap(HOSTS))})
    capsys.readouterr()
    assert main(["accept", "--root", str(root)]) == 1
    assert "SILENT server servers.api.live: is https" in capsys.readouterr().err


def test_a_member_of_a_reply_that_is_deprecated_is_not_called_renamed(before: Version, tmp_path: Path) -> None:
    mark = "      description: Number of the volume.\n"
    changed = fragments((LOAN, mark, f"{mark}      deprecated: true\n"))
    found = compare_versions(before, read_version(str(write_fragments(tmp_path, changed)), HERE))
    assert lines(found, changed) == {
        ("BREAKING", "member-deprecated", "library.Loan.volume"): ("volume:", "deprecated: true"),
        ("documentation", "deprecated", "library.Loan.volume"): ("volume:", "deprecated: true"),
    }
    (text,) = (each.text for each in found if each.kind == "member-deprecated")
    assert "it is read as before" in text
    assert "gone" not in text


@pytest.mark.parametrize("text", [b"<<<<<<< ours\n{}", b"{\n\xff"], ids=["conflict", "not UTF-8"])
def test_a_snapshot_that_is_no_json_is_its_own_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: bytes
) -> None:
    root = write_fragments(tmp_path, SHOP)
    (root / "openapi" / "contract.json").write_bytes(text)
    assert main(["diff", str(root), str(root), "--root", str(root)]) == 1
    assert capsys.readouterr().err.startswith("openapi/contract.json:1: not valid JSON: take the file from git again")
