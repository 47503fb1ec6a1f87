"""The reference that is made from the document: it is complete, and its examples are what they say."""

from __future__ import annotations

import ast
import asyncio
import json
import re
import shlex
from collections.abc import Generator
from typing import Any

import msgspec
import pytest
from aiohttp import web

from checkout_async._generated import models as generated_models
from scripts.website import example_bodies, model_pages, operation_pages
from scripts.website.markdown import as_markdown, draw_tables
from scripts.website.operation_pages import Described, all_operations
from scripts.website.specification import DOCUMENT, MODULES, SCHEMAS, all_models
from tests.docs.documented_api import DocumentedApi
from tests.docs.pages import leading_to
from tests.processes.children import loop_in_thread

MODELS = [model for models in all_models().values() for model in models.values()]


@pytest.fixture(scope="module")
def api() -> Generator[tuple[DocumentedApi, str]]:
    documented = DocumentedApi()
    runner = web.AppRunner(documented.application())

    async def start() -> str:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    with loop_in_thread() as run:
        yield documented, run(start())
        run(runner.cleanup())


class TestOperations:
    def test_every_operation_of_the_document_has_a_page_but_that_for_tokens(self) -> None:
        documented: set[str] = {
            operation["operationId"]
            for path in DOCUMENT["paths"].values()
            for operation in path.values()
            if isinstance(operation, dict)
        }
        assert {each.name for each in all_operations()} == documented - {"request_access_token"}

    @pytest.mark.costly
    @pytest.mark.parametrize("each", all_operations(), ids=lambda each: each.name)
    def test_every_block_of_its_page_sends_the_documented_request(
        self, each: Described, api: tuple[DocumentedApi, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        documented, base_url = api
        for name, value in leading_to(base_url).items():
            monkeypatch.setenv(name, value)
        text = dict(operation_pages.pages())[each.page]
        blocks = re.findall(r"^    ```(python|sh)\n(.*?)^    ```", text, re.MULTILINE | re.DOTALL)
        by_language = {
            language: [_dedent(block) for kind, block in blocks if kind == language] for language, _ in blocks
        }
        with asyncio.Runner() as runner:
            for block in by_language["python"]:
                runner.run(eval(compile(block, each.page, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), {}))
        count = len(by_language["python"])
        sent = documented.received[-count:]
        examples = operation_pages.requests(each)
        tabs = count // len(examples)
        assert tabs == (1 if examples[0].body is None else 2)
        assert [body for _, _, body in sent] == [example.body for example in examples for _ in range(tabs)]
        commands = [_read_curl(block) for block in by_language["sh"]]
        assert commands == [(each.operation.method, path, body) for _, path, body in sent[::tabs]]


def _dedent(block: str) -> str:
    return "".join(line.removeprefix("    ") for line in block.splitlines(keepends=True))


def _read_curl(command: str) -> tuple[str, str, Any]:
    """Return method, path and body of a command, as a shell reads its words."""
    words = shlex.split(command.replace("\\\n", " "))
    assert words[0] == "curl"
    options = dict(zip(words[2::2], words[3::2], strict=True))
    body = json.loads(options["--data"]) if "--data" in options else None
    return options.get("--request", "GET"), words[1].removeprefix("$CHECKOUT_BASE_URL"), body


class TestModels:
    def test_every_name_of_the_modules_has_a_page(self) -> None:
        pages = {model.name for model in MODELS}
        assert len(pages) == len(MODELS)
        for api in generated_models.__all__:
            # `ColourLike` is a Colour or the text of one, and `OrderDict` an Order as a dict, for type checkers only.
            twins = {f"{name}{ending}" for name in pages for ending in ("Like", "Dict")}
            assert set(MODULES[api].__all__) <= pages | twins, api

    @pytest.mark.costly
    def test_the_example_of_every_schema_is_valid(self) -> None:
        assert len(SCHEMAS) > 300
        assert [
            name for name, value in example_bodies.examples().items() if not example_bodies.is_valid(name, value)
        ] == []

    def test_the_example_of_every_model_is_one_and_has_no_other_members(self) -> None:
        structs = [model for model in MODELS if model.kind in {"request", "response"}]
        assert len(structs) > 200
        for model in structs:
            example = example_bodies.examples()[model.schema]
            msgspec.convert(example, getattr(MODULES[model.api], model.name))
            known = {each.wire_name for each in model.members}
            known |= {model.tag[0]} if model.tag else set[str]()
            assert set(example) <= known, model.name

    def test_a_page_says_what_each_member_is(self) -> None:
        page = dict(model_pages.pages())["reference/models/payments/PaymentRequest.md"]
        assert "`currency`: `str`, **required**" in page
        assert "`three_ds`: [`ThreeDsRequest`](../payments/ThreeDsRequest.md), `3ds` in JSON" in page
        assert "`items`: list of [`PaymentItem`](../payments/PaymentItem.md)" in page
        assert "Checked before sending: minimum." in page
        assert "[`request_payment`](../../operations/request_payment.md)" in page

    def test_links_lead_to_pages(self) -> None:
        pages = dict(model_pages.pages()) | dict(operation_pages.pages())
        for path, text in pages.items():
            for target in re.findall(r"\]\((?:\.\./)*([\w/]+)\.md\)", text):
                assert any(f"{target}.md" in other for other in pages) or target == "quickstart", (path, target)


@pytest.mark.parametrize(
    "pattern", [r"^(pay)_(\w{26})$", r"^[A-Za-z]{3}$", r"^(?:a|b)\d{2,3}x?$", r"^\d{3,4}$", r"^(tok_\w{26}|\d{3,4})$"]
)
def test_a_text_is_made_for_a_pattern(pattern: str) -> None:
    assert re.search(pattern, example_bodies.text_for(pattern))


def test_a_state_diagram_becomes_a_table() -> None:
    page = "x\n```mermaid\nstateDiagram-v2\n    [*] --> Reply: request_session\n    Reply --> [*]\n```\ny\n"
    rows = "| In | When | Next |\n|---|---|---|\n| start | `request_session` | `Reply` |\n| `Reply` |  | end |\n"
    assert draw_tables(page) == f"x\n{rows}y\n"


@pytest.mark.parametrize(
    ("docstring", "shown"),
    [
        ("Raises:\n    NotFound: 404. There is none.", "Raises:\n    NotFound: 404\\. There is none."),
        ("Every error.\n\nA\n├── B\n└── C\n\nMore.", "Every error.\n\n```text\nA\n├── B\n└── C\n```\n\nMore."),
        ("It is 404 pages long.\n\nNothing else.", "It is 404 pages long.\n\nNothing else."),
    ],
)
def test_a_docstring_looks_as_it_was_meant(docstring: str, shown: str) -> None:
    assert as_markdown(docstring) == shown
