"""`python -m codegen adopt`: a draft from a document of others compiles, copies no text, and waits for a review."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from codegen.__main__ import main
from codegen.compiler import check_fragments, compile_document, contract_of
from codegen.diagnostics import SpecificationError
from codegen.document import Object
from codegen.lint import lint
from codegen.upstream.adopt import Drafts, adopt_member, adopt_operation, adopt_schema, write_drafts
from codegen.upstream.read import Document, read_document
from tests.codegen.support import SHOP, write_fragments

UPSTREAM = """\
openapi: 3.0.3
info: {title: Provider, version: '1'}
security: [{OAuth: ['shop:write', 'shop:refund']}]
paths:
  /refunds/{refund-id}:
    parameters:
      - {name: refund-id, in: path, required: true, description: COPIED, schema: {type: string, maxLength: 30}}
    put:
      operationId: updateRefund
      summary: COPIED
      description: COPIED
      parameters:
        - {name: mode, in: query, schema: {type: string, enum: [Fast, '24h']}}
        - {name: ids, in: query, schema: {type: array, items: {type: string}}}
      requestBody:
        required: true
        description: COPIED
        content: {application/json: {schema: {$ref: '#/components/schemas/OrderRequest'}}}
      responses:
        '200': {description: COPIED, content: {application/json: {schema: {$ref: '#/components/schemas/Refund'}}}}
        '422': {description: COPIED}
        default: {description: COPIED}
  /refunds:
    get:
      responses:
        '200':
          content:
            application/json:
              schema: {type: array, items: {$ref: '#/components/schemas/Refund'}}
components:
  schemas:
    OrderRequest:
      allOf:
        - {type: object, required: [reason], properties: {reason: {type: string, description: COPIED, maxLength: 9}}}
        - type: object
          required: [payee]
          properties:
            payee: {$ref: '#/components/schemas/01_Payee'}
            amount: {type: integer, minimum: 1, maxLength: 12, description: COPIED}
            when: {type: string, format: date-time, nullable: true, maxLength: 30}
            address: {type: object, properties: {line1: {type: string}, country: {type: string, enum: [GB, FR]}}}
            notes: {type: array, items: {type: object, properties: {text: {type: string, pattern: '(?<=a)b'}}}}
            extra: {type: object, additionalProperties: true}
            speed: {oneOf: [{type: string}, {type: integer}]}
            parent: {$ref: '#/components/schemas/OrderRequest'}
    01_Payee:
      type: object
      required: [type]
      discriminator:
        propertyName: type
        mapping: {card: '#/components/schemas/CardPayee', bank-account: '#/components/schemas/BankPayee'}
      properties: {type: {type: string, enum: [card, bank-account]}, email: {type: string, description: COPIED}}
    CardPayee:
      allOf: [{$ref: '#/components/schemas/01_Payee'}, {type: object, properties: {number: {type: string}}}]
    BankPayee:
      allOf: [{$ref: '#/components/schemas/01_Payee'}, {type: object, properties: {iban: {type: string}}}]
    Refund:
      type: object
      properties:
        id: {type: string}
        holder:
          oneOf:
            - {type: object, properties: {name: {type: string}}}
            - {type: object, properties: {firm: {type: string}}}
"""


@pytest.fixture
def theirs(tmp_path: Path) -> Document:
    """Return the document of the provider."""
    path = tmp_path / "upstream.yaml"
    path.write_text(UPSTREAM, encoding="utf-8")
    return read_document(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return the root of the shop, which has an `OrderRequest` of its own."""
    return write_fragments(tmp_path / "ours", SHOP)


def compiled(root: Path, drafts: Drafts, path: str) -> Object:
    """Return the document after the drafts are written, and the steps are taken that they name."""
    folder = root / "openapi"
    write_drafts(folder, drafts)
    file = folder / "openapi.yaml"
    text = file.read_text()
    assert f"add to paths in openapi.yaml: {path}: {{$ref: 'paths/" in drafts.steps[0]
    entry = drafts.steps[0].partition(": ")[2]
    file.write_text(text.replace("paths:\n", f"paths:\n  {entry}\n"))
    assert drafts.steps[1:] == ["add the scope 'shop:refund' to the security scheme"]
    scheme = folder / "components" / "securitySchemes" / "all.yaml"
    scheme.write_text(scheme.read_text().replace("scopes: {", "scopes: {'shop:refund': Refunds., "))
    document = compile_document(folder)
    contract_of(document)
    return document


def test_an_operation_with_all_that_it_needs(root: Path, theirs: Document) -> None:
    drafts = adopt_operation(theirs, compile_document(root / "openapi"), "updateRefund", "Shop")
    assert list(drafts.files) == ["paths/refunds_{refund-id}.yaml", "components/schemas/shop/update_refund.yaml"]
    assert not [name for name, text in drafts.files.items() if "COPIED" in text]
    document = compiled(root, drafts, "/refunds/{refund-id}")
    named = document.object("components").object("schemas")
    assert {*named} == {
        "BankAccountPayee",
        "CardPayee",
        "Order",
        "OrderRequest",
        "Payee",
        "Refund",
        "RefundHolder",
        "Mode",
        "ShopOrderRequest",
        "ShopOrderRequestAddress",
        "ShopOrderRequestAddressCountry",
        "ShopOrderRequestNotesItem",
    }
    request = named.object("ShopOrderRequest")
    assert request.texts("required") == ["reason", "payee"]
    members = request.object("properties")
    assert members["reason"] == {"type": "string", "description": "Reason.", "maxLength": 9}
    assert members["amount"] == {"type": "integer", "description": "Amount.", "minimum": 1}
    assert members["when"] == {"type": ["string", "null"], "format": "date-time", "description": "When."}
    assert members["address"] == {"$ref": "#/components/schemas/ShopOrderRequestAddress", "description": "Address."}
    assert members["extra"] == {"type": "object", "description": "Extra.", "additionalProperties": {}}
    assert members["speed"] == {"type": ["integer", "string"], "description": "Speed."}
    payee = named.object("Payee")
    assert {*payee.object("discriminator").object("mapping")} == {"card", "bank-account"}
    bank = named.object("BankAccountPayee").object("properties")
    assert bank["type"] == {"type": "string", "description": "Type.", "const": "bank-account"}
    assert bank["iban"] == {"type": "string", "description": "Iban.", "x-sensitive": "personal"}
    assert bank["email"] == {"type": "string", "description": "Email.", "x-sensitive": "personal"}
    assert named.object("Refund").object("properties").object("id")["x-identifier"] is True
    assert {*named.object("RefundHolder").object("properties")} == {"name", "firm"}
    operation = document.object("paths").object("/refunds/{refund-id}").object("put")
    assert operation["operationId"] == "update_refund"
    assert {*operation.object("responses")} == {"200", "422"}


def test_a_draft_waits_for_a_review(root: Path, theirs: Document) -> None:
    drafts = adopt_operation(theirs, compile_document(root / "openapi"), "GET /refunds", "Shop")
    document = compiled(root, drafts, "/refunds")
    operation = document.object("paths").object("/refunds").object("get")
    assert (operation["operationId"], operation["x-idempotency"]) == ("get_refunds", "safe")
    folder = root / "openapi"
    questions = [each.message for each in lint(check_fragments(folder), folder)]
    assert [each for each in questions if each.startswith("a draft: ")]
    assert not [each for each in questions if "order" in each and "keywords" in each]


def test_a_schema(root: Path, theirs: Document) -> None:
    drafts = adopt_schema(theirs, compile_document(root / "openapi"), "Refund", "Shop")
    assert list(drafts.files) == ["components/schemas/shop/refund.yaml"]
    assert drafts.files["components/schemas/shop/refund.yaml"].startswith("Refund:\n  type: object\n")
    assert drafts.steps == ["refer to 'components/schemas/shop/refund.yaml#/Refund' where it is used"]


def test_a_member(root: Path, theirs: Document) -> None:
    ours = compile_document(root / "openapi")
    drafts = adopt_member(theirs, ours, "OrderRequest.reason", "Shop")
    assert drafts.files == {}
    text, place = drafts.steps
    assert text.splitlines() == [
        "add to the properties of a schema:",
        "",
        "    reason:",
        "      type: string",
        "      description: Reason.",
        "      maxLength: 9",
        "      x-review: 'Drafted: write the description, and name the source.'",
    ]
    assert place == "the schema of that name is at openapi/components/schemas/shop/order.yaml:1"
    assert list(adopt_member(theirs, ours, "OrderRequest.address", "Shop").files) == [
        "components/schemas/shop/address.yaml"
    ]


def test_an_operation_without_a_name_is_called_after_its_line(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "upstream.yaml"
    path.write_text(UPSTREAM.replace("      operationId: updateRefund\n", ""), encoding="utf-8")
    drafts = adopt_operation(
        read_document(path), compile_document(root / "openapi"), "PUT /refunds/{refund-id}", "Shop"
    )
    assert "operationId: put_refunds\n" in drafts.files["paths/refunds_{refund-id}.yaml"]


@pytest.mark.parametrize(
    ("adopt", "wanted", "problem"),
    [
        (adopt_operation, "GET /nothing", "no operation 'GET /nothing': name its operationId, or its line"),
        (adopt_schema, "Nothing", "no schema 'Nothing'"),
        (adopt_member, "Refund.nothing", "'Refund' has no member 'nothing'"),
    ],
)
def test_what_the_document_does_not_have(
    root: Path, theirs: Document, adopt: Callable[..., Drafts], wanted: str, problem: str
) -> None:
    with pytest.raises(SpecificationError, match=re.escape(problem)):
        adopt(theirs, compile_document(root / "openapi"), wanted, "Shop")


def test_the_command_prints_drafts_and_writes_new_files_only(
    root: Path, theirs: Document, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["adopt", str(root.parent / "upstream.yaml"), "--root", str(root), "--schema", "Refund"]
    assert main(arguments) == 0
    assert capsys.readouterr().out.startswith("# openapi/components/schemas/shop/refund.yaml\nRefund:\n")
    assert not (root / "openapi" / "components" / "schemas" / "shop" / "refund.yaml").exists()
    assert main([*arguments, "--write"]) == 0
    assert capsys.readouterr().out.startswith("wrote openapi/components/schemas/shop/refund.yaml\n")
    written = root / "openapi" / "components" / "schemas" / "shop" / "refund.yaml"
    text = written.read_text()
    with pytest.raises(FileExistsError):
        write_drafts(root / "openapi", Drafts({"components/schemas/shop/refund.yaml": "other"}))
    assert written.read_text() == text
    assert main(arguments[:-2]) == 2
    assert "one of --operation, --schema and --field" in capsys.readouterr().err


def test_the_command_names_no_file_as_written_that_is_not(
    root: Path, theirs: Document, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_folder: Path, _drafts: Drafts) -> None:
        raise OSError(28, "No space left on device", "refund.yaml")

    monkeypatch.setattr("codegen.commands.write_drafts", fail)
    arguments = ["adopt", str(root.parent / "upstream.yaml"), "--root", str(root), "--schema", "Refund", "--write"]
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "refund.yaml: No space left on device; the files are as they were\n")


LISTS_AND_FILES = """\
openapi: 3.0.3
info: {title: Provider, version: '1'}
paths:
  /files:
    post:
      operationId: uploadFile
      parameters:
        - {name: tags, in: query, explode: false, schema: {type: array, items: {type: string, enum: [a, b]}}}
        - {name: sizes, in: query, schema: {type: array, items: {type: integer}}}
        - {name: pipes, in: query, style: pipeDelimited, schema: {type: array, items: {type: integer}}}
      requestBody:
        required: true
        content:
          multipart/form-data:
            schema:
              type: object
              required: [file]
              properties:
                file: {type: string, format: binary}
                purpose: {type: string, enum: [x, y]}
                count: {type: integer}
      responses:
        '200': {content: {application/json: {schema: {properties: {id: {type: string}, raw: {format: binary}}}}}}
"""


def test_lists_in_the_query_and_files(root: Path, tmp_path: Path) -> None:
    (tmp_path / "files.yaml").write_text(LISTS_AND_FILES)
    ours, theirs = compile_document(root / "openapi"), read_document(tmp_path / "files.yaml")
    drafts = adopt_operation(theirs, ours, "uploadFile", "Shop")
    path, schema_file = drafts.files
    assert "explode: false" in drafts.files[path]
    assert "multipart/form-data" in drafts.files[path]
    assert drafts.files[schema_file].count("format: binary") == 1
    write_drafts(root / "openapi", drafts)
    file = root / "openapi" / "openapi.yaml"
    file.write_text(file.read_text().replace("paths:\n", f"paths:\n  /files: {{$ref: '{path}'}}\n"))
    document = compile_document(root / "openapi")
    upload = contract_of(document)["operations"]["shop"]["upload_file"]
    assert upload["body"] == "MULTIPART UploadFileRequest"
    assert {name: each.get("several") for name, each in upload["parameters"].items()} == {
        "tags": "joined",
        "sizes": "repeated",
        "pipes": None,
    }
