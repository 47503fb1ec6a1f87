"""Write reports to files: report.json for programs, which `read_report` reads again, report.html for people.

They contain counts, times and the names of input and output: no payment data, nothing of a request. So they have the
usual permissions, and an earlier report of the same name is replaced.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import msgspec

from checkout_async.batch.report.html import page
from checkout_async.batch.report.report import PERCENTILES, Report
from checkout_async.errors import BatchFileError

__all__ = ["check_report_path", "read_report", "write_report"]

_FORMAT: Final = 1
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class _ReportFormat(msgspec.Struct):
    format: int


def check_report_path(path: Path) -> None:
    """Raise BatchFileError if no report can be written there: not .json or .html, or the folder is missing."""
    if path.suffix.lower() not in {".json", ".html"}:
        raise BatchFileError(f"a report must be a .json or .html file, and {path} is not one")
    if not path.parent.is_dir():
        raise BatchFileError(f"cannot write the report {path}: there is no folder {path.parent}")
    if path.is_dir():
        raise BatchFileError(f"cannot write the report {path}: it is a folder")


def write_report(report: Report, path: Path) -> None:
    """Write a report as JSON or HTML, by the suffix of the file. Raises BatchFileError if that cannot be done.

    Bytes of file names that are not UTF-8 are replaced by U+FFFD.
    """
    check_report_path(path)
    report = _printable(report)
    content = page(report).encode() if path.suffix.lower() == ".html" else _json(report)
    try:
        path.write_bytes(content)
    except OSError as error:
        raise BatchFileError(f"cannot write the report {path}: {error.strerror}") from None


def read_report(path: Path) -> Report:
    """Read a report that was written as JSON. Raises BatchFileError for any other file."""
    try:
        content = path.read_bytes()
        if msgspec.json.decode(content, type=_ReportFormat).format > _FORMAT:
            raise BatchFileError(f"the report {path} was written by a later version of this package")
        return msgspec.json.decode(content, type=Report)
    except OSError as error:
        raise BatchFileError(f"cannot read the report {path}: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BatchFileError(f"{path} is not a report of a batch: {error}") from None


def _printable(report: Report) -> Report:
    """Return the report without the surrogates that stand for bytes of names that are not UTF-8 (PEP 383)."""
    texts = {name: getattr(report, name) for name in ("input", "output", "stopped")}
    return msgspec.structs.replace(
        report, **{name: _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text) for name, text in texts.items()}
    )


def _json(report: Report) -> bytes:
    """Return the report as JSON, with derived figures for other programs; `read_report` ignores those."""
    percentiles = {f"p{percent}": report.latencies.percentile(percent) for percent in PERCENTILES}
    derived = {
        "format": _FORMAT,
        "records": report.records,
        "seconds": report.seconds,
        "per_second": report.per_second,
        "percentiles": percentiles,
    }
    members = derived | msgspec.structs.asdict(report)
    return msgspec.json.format(msgspec.json.encode(members), indent=2) + b"\n"
