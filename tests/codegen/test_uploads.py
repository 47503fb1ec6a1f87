"""Bodies of multipart/form-data: what a real server reads of them, and what is refused before anything is sent."""

from __future__ import annotations

import copy
import io
import os
import pickle
import threading
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import HTTP
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, cast

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from checkout_async import CheckoutClient, RetryPolicy, SecretKey, errors
from checkout_async._core import multipart
from checkout_async._core.multipart import MAX_SIZE, Upload
from tests.codegen.support import ORDER, PATH, SHOP, generate, import_generated, problems

SCHEMAS = """\
FileRequest:
  type: object
  description: A file.
  required: [file, purpose]
  properties:
    file: {type: string, format: binary, description: The file.}
    thumbnail: {type: string, format: binary, description: A picture.}
    purpose: {$ref: '#/Purpose', description: What for.}
    note: {type: string, description: A note., x-sensitive: personal, maxLength: 9, x-enforced: {maxLength: Tried.}}
    day: {type: string, format: date, description: A day.}
Purpose:
  type: string
  description: What for.
  enum: [dispute_evidence, identity]
Order:
  type: object
  description: An order.
  required: [id]
  properties:
    id: {type: string, description: Its identifier., x-identifier: true}
"""
_FORM = PATH.replace("application/json:\n        schema", "multipart/form-data:\n        schema", 1)
FILES = _FORM.replace("#/OrderRequest", "#/FileRequest")
SAFE = FILES.replace("x-idempotency: none", "x-idempotency: natural\n  x-idempotency-reason: It only stores it.")


class Part(NamedTuple):
    """A part as a server reads it."""

    name: str | None
    filename: str | None
    content_type: str | None
    content: bytes


class Shop:
    """A server that keeps what it got, and answers with some statuses in turn."""

    def __init__(self, *statuses: int) -> None:
        self.bodies: list[tuple[str, bytes]] = []
        self._statuses = [*statuses]

    async def answer(self, request: web.Request) -> web.Response:
        self.bodies.append((request.headers["Content-Type"], await request.read()))
        status = self._statuses.pop(0) if self._statuses else 201
        return web.json_response({"id": "o1"} if status == 201 else {}, status=status)

    async def parts(self) -> list[Part]:
        """Return the parts of the last body as the email package of the standard library reads them."""
        content_type, body = self.bodies[-1]
        head = f"Content-Type: {content_type}\r\n\r\n".encode()
        message = BytesParser(EmailMessage, policy=HTTP.clone(utf8=True)).parsebytes(head + body)
        return [
            Part(
                str(each.get_param("name", header="content-disposition")),
                each.get_filename(),
                each.get_content_type() if each["Content-Type"] else None,
                bytes(cast("bytes", each.get_payload(decode=True))),
            )
            for each in message.iter_parts()
        ]


async def upload(folder: Path, monkeypatch: pytest.MonkeyPatch, shop: Shop, body: Any, **options: Any) -> Any:
    operations = modules(folder, monkeypatch)
    app = web.Application(client_max_size=2 * MAX_SIZE)
    app.router.add_post("/orders", shop.answer)
    async with TestServer(app) as server:
        url = str(server.make_url("/")).rstrip("/")
        async with CheckoutClient(SecretKey("sk_sbox_" + "a" * 27), base_url=url, token_url=url) as client:
            return await operations.request_order(client, body, **options)


def modules(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    import_generated(folder, "models.shop", monkeypatch)
    return import_generated(folder, "operations.shop", monkeypatch)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(tmp_path_factory.mktemp("files"), path=FILES, schemas=SCHEMAS)


@pytest.fixture
def models(folder: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return import_generated(folder, "models.shop", monkeypatch)


CONTENT = bytes(range(256)) * 40 + b"\r\n--boundary--\r\n"


@pytest.mark.parametrize("as_mapping", [True, False])
async def test_a_server_reads_what_was_given(
    folder: Path, models: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, as_mapping: bool
) -> None:
    path = tmp_path / "evidence.pdf"
    path.write_bytes(CONTENT)
    file, thumbnail = Upload(path), Upload(b"\x89PNG", filename="a.png", content_type="image/png; q=1")
    given = {"file": file, "thumbnail": thumbnail, "purpose": "dispute_evidence", "note": "né: a&b"}
    shop = Shop()
    order = await upload(folder, monkeypatch, shop, given if as_mapping else models.FileRequest(**given))
    assert order.id == "o1"
    assert sorted(await shop.parts()) == [
        Part("file", "evidence.pdf", "application/pdf", CONTENT),
        Part("note", None, None, "né: a&b".encode()),
        Part("purpose", None, None, b"dispute_evidence"),
        Part("thumbnail", "a.png", "image/png", b"\x89PNG"),
    ]


@pytest.mark.parametrize("filename", ["plain.txt", 'quote".txt', "ünïcode €.txt", "a b;c=d.txt"])
async def test_aiohttp_reads_the_name_that_it_reads_of_its_own_form(
    folder: Path, monkeypatch: pytest.MonkeyPatch, filename: str
) -> None:
    """The same file in a form of aiohttp's own, written by a browser's rules, is read alike."""
    read: list[tuple[str | None, bytes]] = []

    async def answer(request: web.Request) -> web.Response:
        file = (await request.post())["file"]
        assert isinstance(file, web.FileField)
        read.append((file.filename, file.file.read()))
        return web.json_response({"id": "o1"}, status=201)

    operations = modules(folder, monkeypatch)
    app = web.Application()
    app.router.add_post("/orders", answer)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        url = str(server.make_url("/")).rstrip("/")
        form = aiohttp.FormData(quote_fields=False)
        form.add_field("file", b"x", filename=filename.replace('"', "%22"))
        await session.post(f"{url}/orders", data=form)
        async with CheckoutClient(SecretKey("sk_sbox_" + "a" * 27), base_url=url, token_url=url) as client:
            body = {"file": Upload(b"x", filename=filename), "purpose": "identity"}
            await operations.request_order(client, body)
    assert len(read) == 2
    assert read[0] == read[1]


async def test_every_attempt_sends_the_same_bytes_and_reads_no_file_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, shop = generate(tmp_path, path=SAFE, schemas=SCHEMAS), Shop(503, 503)
    file = io.BytesIO(CONTENT)
    body = {"file": Upload(file), "purpose": "identity"}
    await upload(folder, monkeypatch, shop, body, retry=RetryPolicy(backoff=0.001))
    assert len(shop.bodies) == 3
    assert len({*shop.bodies}) == 1
    assert (await shop.parts())[0] == Part("file", "file", "application/octet-stream", CONTENT)


async def test_an_upload_that_may_have_been_taken_is_not_sent_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(503, 201)
    with pytest.raises(errors.ServerError):
        await upload(folder, monkeypatch, shop, {"file": Upload(b"x"), "purpose": "identity"})
    assert len(shop.bodies) == 1


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"file": b"bytes"}, "Expected `Upload`"),
        ({"file": "/etc/passwd"}, "Expected `Upload`"),
        ({"file": None}, "missing required field `file`"),
        ({"purpose": "other"}, "must be one of dispute_evidence, identity"),
        ({"extra": "x"}, "unknown field `extra`"),
        ({"note": "0123456789"}, "length <= 9"),
        ({"purpose": Upload(b"x")}, "purpose"),
    ],
)
async def test_a_wrong_body_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], expected: str
) -> None:
    shop = Shop()
    with pytest.raises(errors.InvalidRequest, match=expected) as caught:
        await upload(folder, monkeypatch, shop, {"file": Upload(b"x"), "purpose": "identity", **change})
    assert "0123456789" not in str(caught.value)
    assert shop.bodies == []


async def test_off_sends_what_was_given(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop()
    await upload(folder, monkeypatch, shop, {"new": "x", "file": Upload(b"y")}, validate="off")
    assert [(each.name, each.content) for each in await shop.parts()] == [("new", b"x"), ("file", b"y")]
    with pytest.raises(errors.InvalidRequest, match="new must be a text or an Upload, not int"):
        await upload(folder, monkeypatch, shop, {"new": 5}, validate="off")
    with pytest.raises(errors.InvalidRequest, match="new contains a lone surrogate"):
        await upload(folder, monkeypatch, shop, {"new": "half \ud800"}, validate="off")
    assert len(shop.bodies) == 1


@pytest.mark.parametrize(
    ("content", "options", "expected"),
    [
        ("text", {}, "content must be bytes, a path or an open file, not str"),
        (io.StringIO("text"), {}, "content must be open for reading in binary mode"),
        (b"", {"filename": "a\r\nX: y"}, "filename must be a text without control characters"),
        (b"", {"filename": ""}, "filename must be"),
        (b"", {"content_type": "text/plain\r\nX: y"}, "content_type must be a media type"),
        (b"", {"content_type": "pdf"}, "content_type must be a media type"),
        (b"", {"filename": b"a.pdf"}, "filename must be a text"),
        (b"", {"content_type": b"text/plain"}, "content_type must be a media type"),
    ],
    ids=["text", "text-file", "line-break", "empty", "header", "no-type", "bytes-name", "bytes-type"],
)
def test_what_is_no_upload_is_refused(content: Any, options: dict[str, Any], expected: str) -> None:
    with pytest.raises(errors.InvalidRequest, match=expected):
        Upload(content, **options)


def test_a_file_that_was_read_before_is_not_uploaded_empty() -> None:
    file = io.BytesIO(b"evidence")
    assert Upload(file).content == b"evidence"
    with pytest.raises(errors.InvalidRequest, match="content has nothing left to read"):
        Upload(file)


def test_a_file_without_a_buffer_is_read_to_its_end() -> None:
    reading, writing = os.pipe()
    with open(reading, "rb", buffering=0) as file:  # noqa: PTH123 - a descriptor

        def write() -> None:
            with open(writing, "wb", buffering=0) as pipe:  # noqa: PTH123 - a descriptor
                pipe.write(b"x" * 400_000)  # more than a pipe has room for

        writer = threading.Thread(target=write)
        writer.start()
        try:
            assert len(Upload(file, filename="evidence.pdf").content) == 400_000
        finally:
            file.close()
            writer.join()


@pytest.mark.parametrize("content", [b"%PDF", b""], ids=["some", "empty"])
def test_copies_and_pickles_are_whole_and_what_a_tool_writes_shows_no_name(content: bytes) -> None:
    upload = Upload(content, filename="ada-lovelace.pdf")
    for other in (copy.copy(upload), copy.deepcopy(upload), pickle.loads(pickle.dumps(upload))):
        assert (other.content, other.filename, other.content_type) == (content, "ada-lovelace.pdf", "application/pdf")
    assert "lovelace" not in f"{upload!r} {upload.__getstate__()}"


def test_an_upload_is_bounded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(multipart, "MAX_SIZE", 3)
    path = tmp_path / "large"
    path.write_bytes(b"1234")
    for content in (b"1234", path, io.BytesIO(b"1234"), memoryview(b"1234")):
        with pytest.raises(errors.InvalidRequest, match="must have 3 bytes or fewer"):
            Upload(content)
        assert Upload(b"123").content == b"123"


async def test_neither_the_content_nor_a_sensitive_text_shows(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = Upload(b"top secret", filename="jane-doe.pdf")
    assert repr(file) == "Upload(application/pdf, 10 bytes)"
    operations, models = modules(folder, monkeypatch), import_generated(folder, "models.shop", monkeypatch)
    body = models.FileRequest(file=file, purpose="identity", note="Jane Doe")
    assert "top" not in repr(body) + repr(operations.build_request_order(body))
    assert "Jane" not in repr(body)
    shop = Shop(422)

    async def echo(request: web.Request) -> web.Response:
        note = str((await request.post())["note"])
        return web.json_response({"error_type": "invalid", "error_codes": [f"note {note} is bad"]}, status=422)

    monkeypatch.setattr(shop, "answer", echo)
    with pytest.raises(errors.UnprocessableEntity) as caught:
        await upload(folder, monkeypatch, shop, body)
    assert "Jane" not in str(caught.value)


def test_the_types_of_the_modules(folder: Path) -> None:
    for kind, text in (("models", "file: Upload\n"), ("dicts", "file: Upload\n"), ("strict", "file: Upload\n")):
        module = (folder / kind / "shop.py").read_text(encoding="utf-8")
        assert text in module
        assert "from checkout_async._core.multipart import Upload" in module
    assert "thumbnail: Upload | UnsetType | None = None" in (folder / "models" / "shop.py").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("multipart/form-data", "application/json", "'FileRequest' must be a body of multipart/form-data only"),
        ("multipart/form-data", "application/x-www-form-urlencoded", "must be a body of multipart/form-data only"),
        ("multipart/form-data", "text/plain", "application/json, application/x-www-form-urlencoded or multipart/form-"),
    ],
)
def test_a_file_in_another_body_is_refused(tmp_path: Path, old: str, new: str, expected: str) -> None:
    fragments = {**SHOP, "paths/orders.yaml": FILES, ORDER: SCHEMAS}
    assert any(expected in each for each in problems(tmp_path, ("paths/orders.yaml", old, new), of=fragments))


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        ("note: {type: integer, description: N.}", "a form can contain only strings"),
        (
            "note: {type: array, description: N., items: {type: string, format: binary}}",
            "property 'note' contains files",
        ),
        ("note: {type: string, format: binary, maxLength: 3, description: N.}", "'maxLength' beside format binary"),
    ],
)
def test_what_a_form_cannot_have_is_refused(tmp_path: Path, new: str, expected: str) -> None:
    note = next(line.strip() for line in SCHEMAS.splitlines() if "note:" in line)
    fragments = {**SHOP, "paths/orders.yaml": FILES, ORDER: SCHEMAS}
    assert any(expected in each for each in problems(tmp_path, (ORDER, note, new), of=fragments))
