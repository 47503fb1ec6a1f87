"""The published package says what is true, and pages and workflows name files, targets and versions that exist."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from checkout_async import __version__
from scripts.dependencies import check
from scripts.release import QUICK, SLOW, changelog_problem, unpublished_pages, version_problem
from scripts.test_matrix import lowest_versions, supported_versions

ROOT = Path(__file__).parent.parent
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT: dict[str, Any] = PYPROJECT["project"]
GROUPS: dict[str, list[Any]] = PYPROJECT["dependency-groups"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
# Files for the hosting service are not in an sdist.
HOSTED = (ROOT / ".github").is_dir()
needs_hosting_files = pytest.mark.skipif(not HOSTED, reason="an sdist has no files for the hosting service")


def requirements() -> Iterator[Requirement]:
    for text in [*PROJECT["dependencies"], *(text for extra in EXTRAS.values() for text in extra)]:
        yield Requirement(text)


def test_the_oldest_python_of_the_classifiers_is_the_required_one() -> None:
    supported = SpecifierSet(PROJECT["requires-python"])
    versions = supported_versions(PROJECT)
    assert all(version in supported for version in versions)
    oldest = versions[0].partition(".")[2]
    assert f"3.{int(oldest) - 1}" not in supported


def test_tools_read_the_code_as_the_oldest_python_does() -> None:
    oldest = supported_versions(PROJECT)[0]
    assert PYPROJECT["tool"]["mypy"]["python_version"] == oldest
    assert PYPROJECT["tool"]["pyright"]["pythonVersion"] == oldest
    assert PYPROJECT["tool"]["ruff"]["target-version"] == f"py{oldest.replace('.', '')}"


def test_every_dependency_of_users_declares_its_lowest_version() -> None:
    assert len(list(lowest_versions(PROJECT))) >= len(PROJECT["dependencies"]) + len(EXTRAS) - 1


def test_a_dependency_without_a_lowest_version_is_refused() -> None:
    with pytest.raises(ValueError, match="write redis>=X"):
        list(lowest_versions({**PROJECT, "optional-dependencies": {"redis": ["redis<9"]}}))


def test_a_dependency_of_two_extras_has_one_lowest_version() -> None:
    lowest = [line.split("==") for line in set(lowest_versions(PROJECT))]
    assert len({name for name, _ in lowest}) == len(lowest)


def test_the_extra_all_has_every_extra_but_that_of_the_compiler() -> None:
    reached, wanted = set[str](), {"all"}
    while wanted:
        reached |= wanted
        wanted = {
            each
            for extra in wanted
            for text in EXTRAS[extra]
            if (requirement := Requirement(text)).name == PROJECT["name"]
            for each in requirement.extras
        } - reached
    # The compiler's tools are pinned exactly, so a program that needs another formatter could not have them.
    assert reached == set(EXTRAS) - {"codegen"}


def test_users_see_no_tool_of_contributors() -> None:
    extras = [text for name, texts in EXTRAS.items() if name != "codegen" for text in texts]  # it is a tool itself
    published = {Requirement(text).name for text in [*PROJECT["dependencies"], *extras]}
    groups = (GROUPS[name] for name in ("lint", "mypy", "type", "dist", "audit"))
    tools = {Requirement(text).name for group in groups for text in group if isinstance(text, str)}
    assert not published & tools
    assert not {"dev", "test", "simulate", "engines", "browser"} & set(EXTRAS)


def test_a_tool_that_two_groups_have_is_the_same_version() -> None:
    found: dict[str, set[str]] = {}
    for group in [*GROUPS.values(), EXTRAS["codegen"]]:
        for text in group:
            if isinstance(text, str):
                found.setdefault(Requirement(text).name, set()).add(text)
    assert {name: texts for name, texts in found.items() if len(texts) > 1} == {}


def test_everything_that_users_install_is_listed_with_its_licence() -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text()
    listed = set(re.findall(r"^\| ([a-z0-9.-]+) \| [A-Z]", page, re.MULTILINE))
    # `make licences` checks what these need in turn, which changes with every release of theirs.
    assert {requirement.name for requirement in requirements()} - {PROJECT["name"]} <= listed


def test_a_licence_that_the_page_states_otherwise_is_found() -> None:
    found = {"msgspec": {""}, "anyio": {"", "cli"}}
    assert check("| msgspec | GPL-3.0-only | always |\n| anyio | MIT | always |\n", found) == [
        "| msgspec | BSD-3-Clause | always |"
    ]


@pytest.mark.parametrize(
    ("version", "tags", "problem"),
    [
        ("0.1.0", [], ""),
        ("0.2.0", ["v0.1.0", "v0.1.1"], ""),
        ("0.10.0", ["v0.9.0"], ""),
        ("1.0.0", ["v1.0.0rc2"], ""),
        ("1.0.0rc2", ["v1.0.0rc1"], ""),
        ("0.1.0", ["v0.1.0"], "not later than the released 0.1.0"),
        ("0.9.0", ["v0.10.0"], "not later than the released 0.10.0"),
        ("1.0.0rc1", ["v1.0.0"], "not later than the released 1.0.0"),
        ("1.0", [], "is not X.Y.Z"),
        ("1.0.0.dev1", [], "is not X.Y.Z"),
    ],
)
def test_the_checklist_wants_a_later_version(version: str, tags: list[str], problem: str) -> None:
    found = version_problem(version, tags)
    assert problem in found
    assert bool(problem) == bool(found)


@pytest.mark.parametrize(
    ("heading", "problem"),
    [
        ("## 0.2.0 — 2026-11-27\n\n- A change.\n\n## 0.1.0 — 2026-01-01\n", ""),
        ("## 0.2.0 — 2026-11-28\n\n### Fixed\n\n- A change.\n", ""),
        ("## 0.2.0 — 2026-11-29\n\n- A change.\n", "which is not here yet"),
        ("## 0.2.0 — unreleased\n\n- A change.\n", "write today's date"),
        ("## 0.2.0 — 2026-11-27\n\n## 0.1.0 — 2026-01-01\n\n- A change.\n", "is empty"),
        ("## 0.1.0 — 2026-01-01\n\n- A change.\n", "has no section"),
    ],
)
def test_the_checklist_wants_a_dated_section_of_the_changelog(heading: str, problem: str) -> None:
    found = changelog_problem(f"# Changelog\n\n{heading}", "0.2.0", date(2026, 11, 28))
    assert problem in found
    assert bool(problem) == bool(found)


def test_the_checklist_finds_pages_that_say_it_is_not_published(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    for name, text in (("README.md", "It is not on PyPI yet."), ("docs/index.md", "pip install checkout-async")):
        (tmp_path / name).write_text(text)
    assert unpublished_pages(tmp_path) == ["README.md"]


def test_pages_that_install_the_package_first_say_whether_it_is_published() -> None:
    """Until there is a release, `pip install checkout-async` finds nothing, and nobody reads reports."""
    first = {"README.md", "docs/index.md", "docs/quickstart.md", "SECURITY.md", "CODE_OF_CONDUCT.md", "CHANGELOG.md"}
    assert set(unpublished_pages(ROOT)) in (first, set())


def test_the_checklist_runs_targets_that_exist() -> None:
    checks = {"tree", "version", "changelog", "pages", "differences"}
    assert {*QUICK, *SLOW} - checks <= TARGETS


def test_pages_for_contributors_name_files_and_targets_that_exist() -> None:
    for page in ("CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md", "docs/versioning.md", "docs/dependencies.md"):
        text = (ROOT / page).read_text()
        named = re.findall(r"`((?:[\w.-]+/)+[\w.-]*)`|\]\(((?!https?:)[^)#]+)\)", text)
        paths = [code or str(Path(page).parent / link) for code, link in named]
        hosting = {".ci", ".github"} - ({".ci", ".github"} if HOSTED else set())
        missing = [each for each in paths if not (ROOT / each).exists() and Path(each).parts[0] not in hosting]
        assert missing == [], page
        assert set(re.findall(r"`make ([a-z-]+)", text)) <= TARGETS, page


def test_links_of_the_readme_lead_to_files_that_exist() -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", (ROOT / "README.md").read_text())
    assert [link for link in links if not (ROOT / link).exists()] == []


def repeated_addresses() -> Iterator[tuple[str, str]]:
    """Yield each address of a repository or a site of this name, with the file that has it."""
    texts = (
        *(ROOT / name for name in ("Makefile", "mkdocs.yml", "pyproject.toml")),
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / ".github").rglob("*.*"),
    )
    hosts = (
        r"(?:raw\.githubusercontent|github)\.com/([\w-]+/[\w-]+)|--repo ([\w-]+/[\w-]+)|([\w-]+)\.github\.io/([\w-]+)"
    )
    for path in texts:
        for repository, option, owner, name in re.findall(hosts, path.read_text()):
            address = repository or option or f"{owner}/{name}"
            if address.endswith(f"/{PROJECT['name']}"):
                yield str(path.relative_to(ROOT)), address


def test_every_address_of_the_repository_is_the_one_of_the_metadata() -> None:
    own = PROJECT["urls"]["Source"].removeprefix("https://github.com/")
    found = [*repeated_addresses()]
    assert {path for path, _ in found} >= {"SECURITY.md", "CODE_OF_CONDUCT.md", "mkdocs.yml", "pyproject.toml"}
    assert [(path, address) for path, address in found if address != own] == []


def test_the_site_and_the_metadata_have_the_same_addresses() -> None:
    site = (ROOT / "mkdocs.yml").read_text()
    assert re.findall(r"^site_url: (.+)$", site, re.MULTILINE) == [PROJECT["urls"]["Documentation"]]
    assert re.findall(r"(?:repository|link): (https://.+)$", site, re.MULTILINE) == [PROJECT["urls"]["Source"]] * 2
    assert all(
        url.startswith((PROJECT["urls"]["Source"], PROJECT["urls"]["Documentation"]))
        for url in PROJECT["urls"].values()
    )


def test_pages_show_the_version_of_the_package() -> None:
    page = (ROOT / "docs" / "cli.md").read_text()
    assert re.findall(r"^checkout-async (\d\S*)$", page, re.MULTILINE) == [__version__]


@needs_hosting_files
def test_ci_runs_on_every_supported_python() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    assert workflow["jobs"]["matrix"]["strategy"]["matrix"]["python"] == supported_versions(PROJECT)


@needs_hosting_files
def test_every_action_is_pinned_to_a_commit_and_names_its_version() -> None:
    used = [
        line.strip().removeprefix("- ")
        for path in (ROOT / ".github" / "workflows").glob("*.yml")
        for line in path.read_text().splitlines()
        if "uses:" in line
    ]
    assert len(used) > 10
    assert [line for line in used if not re.fullmatch(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)] == []


@needs_hosting_files
def test_what_is_published_is_what_was_built_and_no_token_is_stored() -> None:
    text = (ROOT / ".github" / "workflows" / "release.yml").read_text()
    workflow = yaml.safe_load(text)
    build, publish = workflow["jobs"]["build"], workflow["jobs"]["publish"]
    assert publish["needs"] == "build"
    assert publish["permissions"] == {"id-token": "write"}
    assert workflow["permissions"] == {}
    assert "make dist" in [step.get("run") for step in build["steps"]]
    assert "secrets." not in text


@needs_hosting_files
@pytest.mark.parametrize("form", ["bug", "api", "feature"])
def test_a_form_for_issues_is_complete(form: str) -> None:
    content = yaml.safe_load((ROOT / ".github" / "ISSUE_TEMPLATE" / f"{form}.yml").read_text())
    assert {"name", "description", "body"} <= content.keys()
    names = [item["id"] for item in content["body"] if item["type"] != "markdown"]
    assert len(names) == len(set(names)) > 0


@needs_hosting_files
def test_hooks_before_a_commit_run_targets_that_exist() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    assert {hook["entry"].split()[-1] for hook in hooks} <= TARGETS


def test_this_python_is_a_supported_one() -> None:
    assert f"{sys.version_info.major}.{sys.version_info.minor}" in supported_versions(PROJECT)
