"""A new API needs fragments, an example for each body, and one accepted snapshot: everything else follows from them.

The test adds a made-up API of three operations to a copy of the repository: list with pages, read, and post.
It changes nothing but files in openapi/, generates, accepts, and runs the tests that walk all APIs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.codegen.support import HERE

REPOSITORY = HERE.parents[1]
FOLDERS = ("benchmarks", "checkout_async", "codegen", "docs", "openapi", "scripts", "tests")
FILES = ("CHANGELOG.md", "Makefile", "README.md", "pyproject.toml")
TAG = """\
  - name: Disputes
    description: Disputed payments. A dispute waits for evidence, and is then won or lost.

security:
"""
PATHS = """\
paths:
  /disputes:
    $ref: 'paths/disputes.yaml'
  /disputes/{id}:
    $ref: 'paths/disputes_{id}.yaml'
  /disputes/{id}/evidence:
    $ref: 'paths/disputes_{id}_evidence.yaml'
"""
SCOPES = "scopes:\n        disputes: Disputes.\n"
USE = """
import asyncio
from aiohttp import web
import checkout_async
from checkout_async import CheckoutClient, SecretKey, models, operations

SEEN = []

async def answer(request):
    SEEN.append((request.method, request.path_qs))
    if request.method == "POST":
        assert (await request.json()) == {"text": "Delivered.", "customer_email": "jo@shop.example"}
        return web.json_response({"id": "dsp_1"}, status=201)
    if request.path == "/disputes":
        start = int(request.query["skip"])
        data = [{"id": f"dsp_{number}"} for number in range(start, min(start + 2, 3))]
        return web.json_response({"total_count": 3, "data": data})
    return web.json_response({"id": "dsp_1", "status": "won", "cardholder_email": "jo@shop.example"})

async def main():
    runner = web.AppRunner(web.Application())
    runner.app.router.add_route("*", "/{path:.*}", answer)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
    async with CheckoutClient(SecretKey("sk_sbox_" + "a" * 27), base_url=url, token_url=url) as client:
        dispute = await client.disputes.get_dispute("dsp_1")
        assert dispute.status is models.disputes.DisputeStatus.WON
        assert "jo@shop.example" not in repr(dispute)
        assert [each.id async for each in client.disputes.iterate_disputes()] == ["dsp_0", "dsp_1", "dsp_2"]
        evidence = models.disputes.DisputeEvidence(text="Delivered.", customer_email="jo@shop.example")
        assert (await operations.disputes.submit_dispute_evidence(client, "dsp_1", evidence)).id == "dsp_1"
    await runner.cleanup()
    assert [each for each in SEEN if each[0] == "POST"] == [("POST", "/disputes/dsp_1/evidence")]

asyncio.run(main())
"""
TYPED = """\
from typing import assert_type

from checkout_async import CheckoutClient, models, operations

async def use(client: CheckoutClient) -> None:
    assert_type(await client.disputes.get_dispute("dsp_1"), models.disputes.Dispute)
    assert_type(await operations.disputes.list_disputes(client), models.disputes.DisputeList)
    await client.disputes.get_dispute(1)
"""
WALKS = (
    "tests/openapi",
    "tests/generated",
    "tests/fuzz",
    "tests/canary/test_values.py",
    "tests/test_public_api.py",
    "tests/test_readme.py",
)
# The tests of one of its bodies, types or operations, and those that hold for all of them at once.
ABOUT_IT = "dispute or Dispute or test_document or test_public_api or test_readme or every or none"


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, (path, old)
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_an_api_of_three_operations_needs_files_in_openapi_and_one_accepted_snapshot(tmp_path: Path) -> None:
    for folder in FOLDERS:
        # With the bytecode: what does not change need not be compiled again.
        shutil.copytree(REPOSITORY / folder, tmp_path / folder)
    for file in FILES:
        shutil.copyfile(REPOSITORY / file, tmp_path / file)
    shutil.copytree(HERE / "new_api" / "openapi", tmp_path / "openapi", dirs_exist_ok=True)
    root = tmp_path / "openapi" / "openapi.yaml"
    edit(root, "\nsecurity:\n", TAG)
    edit(root, "paths:\n", PATHS)
    edit(tmp_path / "openapi" / "components" / "securitySchemes" / "access.yaml", "scopes:\n", SCOPES)

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
        return subprocess.run(
            [sys.executable, *command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    assert "accept it with" in run("-m", "codegen").stderr
    assert run("-m", "codegen", "--check").returncode == 1
    accepted = run("-m", "codegen", "accept", "--why", "A new API.")
    assert accepted.returncode == 0, accepted.stderr
    assert '+    "line": "POST /disputes/{id}/evidence",' in accepted.stdout
    assert run("-m", "codegen", "--check").returncode == 0
    assert "`submit_dispute_evidence`" in (tmp_path / "docs" / "api.md").read_text(encoding="utf-8")
    used = run("-c", USE)
    assert used.returncode == 0, used.stderr
    (tmp_path / "typed.py").write_text(TYPED)
    typed = run("-m", "mypy", "--strict", "--no-incremental", "typed.py")
    (problem,) = [line for line in typed.stdout.splitlines() if "error:" in line]
    assert 'typed.py:8: error: Argument 1 to "get_dispute"' in problem
    walked = run("-m", "pytest", "-q", "-p", "no:cacheprovider", "--hypothesis-profile=quick", "-k", ABOUT_IT, *WALKS)
    assert walked.returncode == 0, walked.stdout[-4000:]
