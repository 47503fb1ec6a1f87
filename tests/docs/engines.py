"""Spark and Ray as docs/cluster.md uses them, in this process. `make engines` runs the page on the real ones."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from checkout_async.sandbox import card_number

CHANNEL_DATA = {"channel": "merchant_initiated", "request_type": "recurring_transaction"}


class Rows:
    """What `parallelize` returns."""

    def __init__(self, rows: Iterable[Any]) -> None:
        self._rows = list(rows)

    def map(self, function: Callable[[Any], Any]) -> Rows:
        return Rows(map(function, self._rows))

    def collect(self) -> list[Any]:
        return self._rows


def parallelize(rows: Iterable[Any], _partitions: int) -> Rows:
    """Stand in for the method of Spark's context."""
    return Rows(rows)


def remote(**_options: object) -> Callable[[Callable[[Any, Any], Any]], SimpleNamespace]:
    """Stand in for Ray's decorator: a call is made at once."""

    def decorate(function: Callable[[Any, Any], Any]) -> SimpleNamespace:
        return SimpleNamespace(remote=function)

    return decorate


def provide(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write the input that the page names, and let its imports find the engines."""
    record = {
        "source": {"type": "card", "number": card_number("frictionless"), "expiry_month": 1, "expiry_year": 2035},
        "amount": 100,
        "currency": "GBP",
        "completion": {"type": "non_hosted"},
        "channel_data": CHANNEL_DATA,
    }
    (folder / "shared").mkdir()
    lines = [json.dumps(record | {"reference": f"ORD-{number}"}) for number in range(6)]
    (folder / "shared" / "cards.jsonl").write_text("\n".join(lines), encoding="utf-8")

    context = SimpleNamespace(parallelize=parallelize)
    session = SimpleNamespace(sparkContext=context)
    builder = SimpleNamespace(getOrCreate=lambda: session)
    _module(monkeypatch, "pyspark")
    _module(monkeypatch, "pyspark.sql", SparkSession=SimpleNamespace(builder=builder))
    _module(monkeypatch, "ray", remote=remote, get=list)


def _module(monkeypatch: pytest.MonkeyPatch, name: str, **attributes: object) -> None:
    module = ModuleType(name)
    vars(module).update(attributes)
    monkeypatch.setitem(sys.modules, name, module)
