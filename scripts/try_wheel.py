"""Builds the wheel, installs it into an empty environment, and uses it as a user would.

First it is installed without extras. Then the extra `codegen` is added, and a package is generated and imported.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

USE = """
import asyncio
from checkout_async import CheckoutClient, OAuthCredentials, errors
from checkout_async.models import sessions

async def main():
    credentials = OAuthCredentials("ack_sandbox", "sandbox_secret", scopes=[])
    where = {"base_url": "http://127.0.0.1:9", "token_url": "http://127.0.0.1:9/connect/token"}
    async with CheckoutClient(credentials, timeout=5, **where) as checkout:
        try:
            await checkout.sessions.get_session("sid_" + "a" * 26)
        except errors.ConnectFailed as error:
            print("installed, imported, refused as expected:", error)

asyncio.run(main())
"""

GENERATED = """
import mylib
from checkout_async import CheckoutClient, SecretKey

client = CheckoutClient(SecretKey("sk_sbox_" + "a" * 27), base_url="http://127.0.0.1:9")
print("generated and imported:", mylib.Apis(client).payments.get_payment.__qualname__)
"""


def run(*command: str | Path, cwd: Path | None = None) -> None:
    """Run a command. Raises CalledProcessError if it fails."""
    subprocess.run([str(part) for part in command], check=True, cwd=cwd)


def main() -> None:
    """Build the wheel, install it, and use it."""
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder)
        run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", empty, ROOT)
        (wheel,) = empty.glob("checkout_async-*.whl")
        venv.create(empty / "venv", with_pip=True)
        python = empty / "venv" / "bin" / "python"
        run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel)
        run(python, "-c", USE, cwd=empty)
        run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"{wheel}[codegen]")
        run(python, "-m", "checkout_async.codegen", "--package", "mylib", cwd=empty)
        run(python, "-c", GENERATED, cwd=empty)
        run(python, "-m", "pip", "check")


if __name__ == "__main__":
    main()
