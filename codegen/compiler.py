"""Compiles a folder of fragments to the files of the generated package, in memory."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from codegen.bundle import bundle
from codegen.checks import check
from codegen.checks.examples import check_examples
from codegen.checks.naming import COMMON
from codegen.contract import Contract, build_contract
from codegen.diagnostics import Problems, Stage
from codegen.document import Object
from codegen.emit_dicts import emit_dicts
from codegen.emit_facts import emit_facts
from codegen.emit_models import Structs
from codegen.emit_operations import emit_docs, emit_operations, emit_resource
from codegen.emit_packages import PACKAGES, emit_client_apis, emit_package, emit_scopes
from codegen.emit_servers import emit_servers
from codegen.load import load_bundle, load_fragments
from codegen.overlay import add_overlay, overlay_label
from codegen.parse import parse
from codegen.passes import run_passes
from codegen.passes.nullable import mark_nullable, restore_nullable
from codegen.passes.walk import schemas
from codegen.prove import prove
from codegen.publish import MODULE, publish, unpublish, with_modules
from codegen.record import TOOLS
from codegen.target import FRAGMENTS, OWN, Target, retarget
from codegen.validate import validate_keywords
from codegen.write import DOCS, GENERATED, MANIFEST, build_manifest, format_files
from codegen.write_package import MANIFEST_NAME, package_manifest


def compile_document(folder: Path, overlay: Path | None = None) -> Object:
    """Return the checked, bundled document of a folder of fragments. Raises SpecificationError."""
    return publish(check_fragments(folder, overlay))


def check_fragments(folder: Path, overlay: Path | None = None) -> Object:
    """Return the checked document of a folder, with all that its fragments say. Raises SpecificationError.

    An overlay adds to the fragments, or corrects them.
    """
    problems = Problems()
    fragments = load_fragments(folder, problems)
    labels = [folder.name]
    if overlay is not None:
        fragments = add_overlay(folder, overlay, fragments, problems)
        labels.append(overlay_label(folder, overlay))
    problems.stop_if_any()
    problems.begin(Stage.REFERENCES)
    bundled = bundle(folder, fragments, problems, overlay)
    problems.stop_if_any(before=Stage.UNUSED)
    problems.begin(Stage.KEYWORDS)
    document = mark_nullable(validate_keywords(bundled, problems))
    # The root, and what many paths share, decide what everything else means.
    outside = [f"{label}/{place}/" for label in labels for place in ("paths", "components/schemas")]
    problems.stop_if_any(outside=tuple(outside))
    problems.begin(Stage.CHECKS)
    check(document, problems)
    problems.stop_if_any()
    check_examples(restore_nullable(document), problems)
    problems.stop_if_any()
    return document


def api_version(document: Object) -> str:
    """Return the version of the API's description."""
    return document.object("info").text("version")


class Compiled(NamedTuple):
    """What a repository's fragments compile to: the checked document, the generated files, and what they promise."""

    document: Object
    files: dict[str, bytes]
    contract: Contract


def compile_files(root: Path) -> dict[str, bytes]:
    """Return the generated files of a repository by path. Raises SpecificationError."""
    return compile_all(root).files


def compile_contract(root: Path) -> tuple[Object, Contract]:
    """Return the checked document of a repository and what it promises, without a proof. Raises SpecificationError."""
    document = compile_document(root / FRAGMENTS)
    return document, contract_of(document)


def contract_of(document: Object) -> Contract:
    """Return what a document promises, without a proof."""
    prepared = run_passes(document)
    files = {path: text.encode() for path, text in _render(document, prepared).items()}
    return build_contract(document, parse(prepared), files)


def read_released(folder: Path) -> Object:
    """Return the document of fragments that a compiler of their time has checked: today's rules may be stricter.

    What today's compiler does not know is left out. Raises SpecificationError if a fragment is missing.
    """
    fragments = load_fragments(folder, Problems())
    problems = Problems()
    problems.begin(Stage.REFERENCES)
    bundled = bundle(folder, fragments, problems)
    problems.stop_if_any(before=Stage.UNUSED)
    return publish(mark_nullable(validate_keywords(bundled, Problems())))


def read_bundle(path: Path) -> Object:
    """Return the document in a bundle that this compiler wrote. Raises SpecificationError, and OSError."""
    problems = Problems()
    loaded = load_bundle(path, problems)
    problems.stop_if_any()
    try:
        fragments = unpublish(loaded)
    except TypeError:
        fragments = Object({}, loaded.origin, {})
    if not schemas(fragments) or not all(schema.origin.module for _, schema in schemas(fragments).objects()):
        message = f"not a bundle of this compiler: it has no schemas, or one of them lacks '{MODULE}'"
        problems.add(loaded.origin, f"{message}. `compare` reads any other document")
    problems.stop_if_any()
    return publish(mark_nullable(validate_keywords(fragments, Problems())))


def compile_all(root: Path) -> Compiled:
    """Compile a repository, and prove that what was generated works. Raises SpecificationError."""
    document = compile_document(root / FRAGMENTS)
    prepared = run_passes(document)
    files = format_files(_render(document, prepared))
    prove(files)
    manifest = build_manifest(files, _versions(document))
    return Compiled(document, {**files, MANIFEST: manifest}, build_contract(document, parse(prepared), files))


def compile_package(target: Target, document: Object) -> dict[str, bytes]:
    """Return the files of a package of another name, and prove that they work. `document` is a checked one."""
    texts = retarget(_render(document, run_passes(document), target), target)
    files = format_files(texts, target.package.partition(".")[0])
    prove(files, target)
    manifest = package_manifest(files, target, _versions(document))
    return {**files, f"{target.folder}/{MANIFEST_NAME}": manifest}


def _versions(document: Object) -> dict[str, str]:
    return {"api": api_version(document), **{name: version(name) for name in TOOLS}}


def _render(document: Object, prepared: Object, target: Target = OWN) -> dict[str, str]:
    apis = parse(prepared)
    structs = Structs(prepared)
    models = structs.models()
    # What several APIs share is in the module of each of them.
    modules = {"models/": models.keys() - {COMMON}, "operations/": [api.name for api in apis]}
    texts = {f"{path}__init__.py": emit_package(path, modules.get(path, ()), target=target) for path in PACKAGES}
    texts["__init__.py"] = emit_package("", (), api_version(document), target)
    texts |= {f"models/{name}.py": text for name, text in models.items()}
    texts |= {f"dicts/{name}.py": text for name, text in emit_dicts(prepared).items()}
    texts |= {f"strict/{name}.py": text for name, text in structs.strict().items()}
    for api in apis:
        texts[f"operations/{api.name}.py"] = emit_operations(api)
        texts[f"resources/{api.name}.py"] = emit_resource(api)
    if target.is_own:  # what a package of another name runs on has its own
        texts["facts.py"] = emit_facts(document)
    texts["servers.py"] = emit_servers(document)
    texts["resources/client_apis.py"] = emit_client_apis(apis, target)
    texts["scopes.py"] = emit_scopes(document)
    texts["openapi.json"] = json.dumps(with_modules(restore_nullable(document)), ensure_ascii=False, indent=1) + "\n"
    return {**{f"{GENERATED}/{path}": text for path, text in texts.items()}, DOCS: emit_docs(apis, target)}
