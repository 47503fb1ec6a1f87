"""Generated code is proved before it is written: nothing but the statements that were meant, and all of it usable."""

from __future__ import annotations

import pytest

from codegen.prove import ProofError, prove
from codegen.write import GENERATED

MODULE = f"{GENERATED}/models/shop.py"


@pytest.mark.parametrize(
    "code",
    [
        'print("PWNED")',
        "import os",
        "from os import path",
        "from builtins import exec as Meta",
        "class A:\n    x = open('x')",
        "x: int = __import__('os')",
        "if True:\n    x = 1",
        "if TYPE_CHECKING:\n    import os",
        "if TYPE_CHECKING:\n    x: int = open('x')",
        "if TYPE_CHECKING:\n    pass\nelse:\n    x = open('x')",
        "if TYPE_CHECKING:\n    pass\nelse:\n    print('PWNED')",
        "@print\ndef f(): ...",
        "@open('x')\nclass A: ...",
        "@deprecated(open('x'))\ndef f(): ...",
        "class A:\n    @open('x')\n    def f(self): ...",
        "del __name__",
    ],
)
def test_a_statement_that_no_template_writes_is_refused_and_never_run(code: str) -> None:
    with pytest.raises(ProofError, match=rf"{MODULE}:\d+: unexpected code"):
        prove({MODULE: code.encode()})


@pytest.mark.parametrize(
    "code",
    [
        "x = unknown",
        "from checkout_async._generated.models.nowhere import Order",
        (
            "from typing import Annotated\nimport msgspec\nfrom msgspec import Meta\n"
            "class Order(msgspec.Struct):\n    total: Annotated[int, Meta(max_length=3)]\n__all__ = ['Order']\n"
        ),
        # These have decoders, but no value of them can be written.
        "import msgspec\nclass Order(msgspec.Struct):\n    total: int = 2**70\n",
        "import msgspec\nclass Order(msgspec.Struct):\n    total: 'str' = object\n",
    ],
)
def test_code_that_cannot_be_used_is_refused(code: str) -> None:
    with pytest.raises(ProofError, match="does not work"):
        prove({MODULE: code.encode()})
