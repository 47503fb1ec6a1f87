"""Lists in the query: the name is repeated for each value, or the values are joined by commas, as `explode` says."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl, unquote

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from checkout_async import CheckoutClient, SecretKey, errors
from codegen.diff import compare_versions
from codegen.revisions import read_version
from tests.codegen.support import ORDER, PATH, SCHEMAS, SHOP, generate, import_generated, problems, write_fragments

ENUM = "Colour:\n  type: string\n  description: A colour.\n  enum: [red, green]\n"
LISTS = """\
  parameters:
    - {name: list, in: query, description: Repeated., schema: {type: array, items: {type: string}}}
    - {name: joined, in: query, description: Joined., explode: false, schema: {type: array, items: {type: string}}}
    - name: numbers[]
      in: query
      description: Numbers.
      schema: {type: array, items: {type: integer, maximum: 9}, maxItems: 3}
      x-python-name: numbers
    - {name: flags, in: query, description: F., explode: false, schema: {type: array, items: {type: boolean}}}
    - {name: days, in: query, description: Days., schema: {type: array, items: {type: string, format: date}}}
    - name: colours
      in: query
      required: true
      description: Colours.
      style: form
      schema: {type: array, items: {$ref: '../components/schemas/shop/order.yaml#/Colour'}}
"""
WITH_LISTS = PATH.replace("  requestBody:\n", f"{LISTS}  requestBody:\n")
BODY = {"item": "tea"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(tmp_path_factory.mktemp("lists"), path=WITH_LISTS, schemas=SCHEMAS + ENUM)


@pytest.fixture
def operations(folder: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    import_generated(folder, "models.shop", monkeypatch)
    return import_generated(folder, "operations.shop", monkeypatch)


async def queries(operations: Any, *calls: dict[str, Any]) -> list[str]:
    """Make calls to a real server; return the raw query string of each request that it got."""
    seen: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.rel_url.raw_query_string)
        return web.json_response({"id": "o1"}, status=201)

    app = web.Application()
    app.router.add_post("/orders", answer)
    async with TestServer(app) as server:
        url = str(server.make_url("/")).rstrip("/")
        async with CheckoutClient(SecretKey("sk_sbox_" + "a" * 27), base_url=url, token_url=url) as client:
            for call in calls:
                await operations.request_order(client, BODY, **{"colours": ["red"], **call})
    return [each.removesuffix("colours=red").rstrip("&") for each in seen]


async def test_lists_are_written_as_rfc_6570_expands_them(operations: Any) -> None:
    """RFC 6570 section 3.2.8: `{?list*}` and `{?list}` of red, green, blue."""
    colours = ["red", "green", "blue"]
    assert await queries(operations, {"list": colours}, {"joined": tuple(colours)}) == [
        "list=red&list=green&list=blue",
        "joined=red,green,blue",
    ]


NASTY = ["a,b", "a&b=c", "100%", "", "ü\u2028", "+ +", "#?/"]


async def test_a_reader_gets_every_value_back(operations: Any) -> None:
    repeated, joined = await queries(operations, {"list": NASTY}, {"joined": NASTY})
    assert [value for _, value in parse_qsl(repeated, keep_blank_values=True)] == NASTY
    assert [unquote(each) for each in joined.removeprefix("joined=").split(",")] == NASTY


async def test_each_type_of_value_and_a_name_that_needs_quotes(operations: Any, folder: Path) -> None:
    module = (folder / "operations" / "shop.py").read_text(encoding="utf-8")
    assert "list: list[str] | tuple[str, ...] | None = None" in module
    assert "numbers: Sequence[int] | None = None" in module
    assert "colours: Sequence[ColourLike]," in module
    calls: list[dict[str, Any]] = [
        {"numbers": [1, 2]},
        {"flags": [True, False]},
        {"days": [date(2026, 11, 28)]},
        {"list": [], "numbers": None},
        {"numbers": iter((3,))},
    ]
    assert await queries(operations, *calls) == [
        "numbers%5B%5D=1&numbers%5B%5D=2",
        "flags=true,false",
        "days=2026-11-28",
        "",
        "numbers%5B%5D=3",
    ]


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ({"list": "red"}, "list must be a list of values, with one at least"),
        ({"list": {"a": 1}}, "list must be a list of values"),
        ({"list": 5}, "list must be a list of values"),
        ({"list": [None]}, "list must be a list of values"),
        ({"colours": []}, "colours must have one value at least"),
        ({"colours": None}, "colours must be a list of values"),
        ({"list": ["\ud800"]}, "list contains a lone surrogate"),
    ],
)
async def test_what_is_no_list_is_refused_before_anything_is_sent(
    operations: Any, call: dict[str, Any], expected: str
) -> None:
    for level in ("shape", "off"):
        with pytest.raises(errors.InvalidRequest, match=expected) as caught:
            await queries(operations, {**call, "validate": level})
        assert caught.value.path == next(iter(call))
        assert f"{caught.value.path} {caught.value.reason}".startswith(expected)


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [([1, 2, 3, 4], "numbers must have 3 values or fewer"), ([1, 10], "numbers must be 9 or less")],
)
async def test_limits_are_those_of_the_list_and_of_each_value(
    operations: Any, numbers: list[int], expected: str
) -> None:
    with pytest.raises(errors.InvalidRequest, match=expected):
        await queries(operations, {"numbers": numbers, "validate": "strict"})
    assert len(await queries(operations, {"numbers": numbers})) == 1


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("style: form", "style: pipeDelimited", "style must be form: `explode: true` repeats the name"),
        ("name: list, in: query", "name: list, in: header", "a list must be in the query"),
        ("items: {type: string}}}", "items: {type: array, items: {type: string}}}}", "the items of parameter 'list'"),
        ("schema: {type: array, items: {type: boolean}}", "schema: {type: boolean}", "'explode' is for a list"),
    ],
)
def test_what_cannot_be_written_is_refused(tmp_path: Path, old: str, new: str, expected: str) -> None:
    fragments = {**SHOP, "paths/orders.yaml": WITH_LISTS, ORDER: SCHEMAS + ENUM}
    assert expected in problems(tmp_path, ("paths/orders.yaml", old, new), of=fragments)[0]


def test_another_way_to_write_a_list_is_silent(tmp_path: Path) -> None:
    before = {**SHOP, "paths/orders.yaml": WITH_LISTS, ORDER: SCHEMAS + ENUM}
    after = {**before, "paths/orders.yaml": WITH_LISTS.replace("Joined., explode: false", "Joined.")}
    sides = [write_fragments(tmp_path / name, each) for name, each in (("old", before), ("new", after))]
    (found, *_) = compare_versions(*(read_version(str(side), tmp_path) for side in sides))
    assert found.key == (
        "SILENT parameter-sent shop.request_order.joined: is sent as query `joined`, repeated for each value instead "
        "of query `joined`, its values joined by commas"
    )
