"""Bodies of `multipart/form-data` (RFC 7578): files to upload, with the texts beside them.

A body is built whole, before the first attempt: every attempt sends the same bytes, and none reads a file again. So an
upload is bounded (`MAX_SIZE`) and not streamed.
"""

from __future__ import annotations

import mimetypes
import os
import re
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from secrets import token_hex
from typing import Any, Final, Protocol, cast, runtime_checkable

import msgspec

from checkout_async._core.body import strict_type
from checkout_async._core.former_names import use_present_names
from checkout_async._core.model import UNSET, RequestModel, fields_of, known_values_only
from checkout_async._core.validation import SEND_ANYWAY, encode, explain, pack
from checkout_async.config import Validation
from checkout_async.errors import InvalidRequest
from checkout_async.redaction import SecretBytes, clears_frames, sanitize

__all__ = ["MAX_SIZE", "Upload", "encode_multipart", "text_members"]

MAX_SIZE: Final = 32 * 2**20
"""The most bytes that a file may have."""

# RFC 9110 section 8.3.1: type, subtype and parameters.
_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_CONTENT_TYPE = re.compile(rf'{_WORD}/{_WORD}(?: ?; ?{_WORD}=(?:{_WORD}|"[ !#-\[\]-~]*"))*')
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_BINARY: Final = "application/octet-stream"


@runtime_checkable
class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Upload:
    """A file of a request: its content, the name that the API sees, and its media type.

    The content is bytes, a path, or a file that is open for reading in binary mode. It is read here, to its end, and
    once: a file that has nothing left to read is refused. `filename` is the name of the file by default, and
    `content_type` what the name suggests.

    Raises InvalidRequest for more than MAX_SIZE bytes, for a name with control characters and for what is no media
    type, and OSError if the file cannot be read.
    """

    __slots__ = ("content", "content_type", "filename")

    @clears_frames
    def __init__(
        self,
        content: bytes | bytearray | memoryview | os.PathLike[str] | _Readable,
        *,
        filename: str | None = None,
        content_type: str | None = None,
    ) -> None:
        self.content: bytes = SecretBytes(_read(content))
        self.filename: str = _name_of(content) if filename is None else filename
        if not isinstance(cast("object", filename), str | None) or not self.filename or _CONTROL.search(self.filename):
            raise _invalid("filename", "must be a text without control characters, and not empty")
        self.content_type: str = content_type or mimetypes.guess_type(self.filename)[0] or _BINARY
        if not isinstance(cast("object", self.content_type), str) or not _CONTENT_TYPE.fullmatch(self.content_type):
            raise _invalid("content_type", "must be a media type such as application/pdf")

    def __repr__(self) -> str:
        return f"Upload({self.content_type}, {len(self.content)} bytes)"

    def __getstate__(self) -> dict[str, object]:
        """Return what may be shown: some tools write it. A file's name may be a person's."""
        return {"content_type": self.content_type, "size": len(self.content)}

    def __reduce__(self) -> tuple[object, ...]:
        """Pickles and copies are whole."""
        return _restore, (bytes(self.content), self.filename, self.content_type)


def _restore(content: bytes, filename: str, content_type: str) -> Upload:
    return Upload(content, filename=filename, content_type=content_type)


def _read(content: object) -> bytes:
    if isinstance(content, bytes | bytearray | memoryview):
        found = bytes(cast("bytes", content))
    elif isinstance(content, os.PathLike):
        with Path(cast("os.PathLike[str]", content)).open("rb") as file:
            found = file.read(MAX_SIZE + 1)
    elif isinstance(content, _Readable):
        found = _read_to_end(content)
    else:
        raise _invalid("content", f"must be bytes, a path or an open file, not {type(content).__name__}")
    if len(found) > MAX_SIZE:
        raise _invalid("content", f"must have {MAX_SIZE} bytes or fewer")
    return found


def _read_to_end(file: _Readable) -> bytes:
    """Return what an open file has left to read. Raises InvalidRequest if that is nothing."""
    parts: list[bytes] = []
    left = MAX_SIZE + 1
    # One read of a file without a buffer, such as that of a pipe, may return a part.
    while left > 0 and (part := file.read(left)):
        if not isinstance(cast("object", part), bytes):
            raise _invalid("content", "must be open for reading in binary mode")
        parts.append(part)
        left -= len(part)
    if not parts:
        raise _invalid("content", "has nothing left to read: the file is empty, or was read before")
    return b"".join(parts)


def _name_of(content: object) -> str:
    """Return the name of a file without its folders. A file without a name is called `file`."""
    if isinstance(content, os.PathLike):
        return Path(cast("os.PathLike[str]", content)).name
    name: object = getattr(content, "name", None)  # that of an open file; of a pipe, a number
    return Path(name).name if isinstance(name, str) else "file"


def _invalid(argument: str, reason: str) -> InvalidRequest:
    return InvalidRequest(f"{argument} {reason}", path=argument, reason=reason)


def encode_multipart(operation: str, body: object, type_: Any, validate: Validation) -> tuple[SecretBytes, str]:
    """Return a body, a Struct or a mapping of the same shape, and its content type. Raises InvalidRequest."""
    members = _members(operation, body)
    del body  # a traceback may show the locals
    if validate != "off":
        checked = _check(operation, members, type_ if validate == "shape" else strict_type(type_))
        members = _members(operation, checked)
    boundary = token_hex(16)
    lines: list[bytes] = []
    for name, value in members.items():
        lines += [f"--{boundary}".encode(), *_part(operation, name, value)]
    content = b"\r\n".join([*lines, f"--{boundary}--".encode(), b""])
    return SecretBytes(content), f"multipart/form-data; boundary={boundary}"


def text_members(body: object) -> dict[str, str]:
    """Return the members of a body that are texts."""
    return {name: value for name, value in _members("", body).items() if isinstance(value, str)}


def _members(operation: str, body: object) -> dict[str, object]:
    """Return the members that are set, under the names of the API."""
    if isinstance(body, RequestModel):
        members = {each.encode_name: getattr(body, each.name) for each in fields_of(type(body))}
    elif isinstance(body, Mapping):
        members = dict(cast("Mapping[str, object]", body))
        if not all(isinstance(cast("object", name), str) for name in members):
            reason = "the names of the members must be texts"
            raise InvalidRequest(f"{operation}: {reason}", operation=operation, reason=reason)
    else:
        reason = f"the body must be a mapping of names to values, not {type(body).__name__}"
        raise InvalidRequest(f"{operation}: {reason}", operation=operation, reason=reason)
    return {name: value for name, value in members.items() if value is not None and value is not UNSET}


def _check(operation: str, members: dict[str, object], type_: Any) -> object:
    """Return the members as their type. Raises InvalidRequest, without a value."""
    files = {name: value for name, value in members.items() if isinstance(value, Upload)}
    packed, defect = encode(pack, {name: value for name, value in members.items() if name not in files})
    if not defect:
        texts: dict[str, object] = msgspec.msgpack.decode(packed)
        whole = texts | files
        use_present_names(type_, whole)
        with known_values_only() as refused:
            try:
                return msgspec.convert(whole, type_)
            except msgspec.ValidationError as error:
                message = str(error)
        path, reason = explain(message, refused, type_)
        defect = f"{path}: {reason} ({SEND_ANYWAY})"
    else:
        path, reason = "$", defect
    del members, files, packed
    raise InvalidRequest(f"{operation}: {defect}", operation=operation, path=path, reason=reason)


def _part(operation: str, name: str, value: object) -> Iterator[bytes]:
    """Yield the lines of a part: its headers, an empty one, and its content."""
    disposition = b'Content-Disposition: form-data; name="%b"' % _utf8(operation, name, _quoted(name))
    if isinstance(value, Upload):
        yield disposition + f'; filename="{_quoted(value.filename)}"'.encode("utf-8", "replace")
        yield f"Content-Type: {value.content_type}".encode()
        yield b""
        yield bytes(value.content)
        return
    text = value.isoformat() if isinstance(value, date) else value
    if not isinstance(text, str):
        reason = f"must be a text or an Upload, not {type(value).__name__}"
        raise InvalidRequest(f"{operation}: {name} {reason}", operation=operation, path=name, reason=reason)
    yield disposition
    yield b""
    yield _utf8(operation, name, text)


def _utf8(operation: str, name: str, text: str) -> bytes:
    """Return a text as UTF-8. Raises InvalidRequest for half a surrogate pair: the API would read another text."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        reason = "contains a lone surrogate and cannot be encoded as UTF-8"
    shown = sanitize(name)
    raise InvalidRequest(f"{operation}: {shown} {reason}", operation=operation, path=shown, reason=reason)


def _quoted(text: str) -> str:
    """Return a name as browsers write it (HTML, "multipart/form-data encoding algorithm"; RFC 7578 section 4.2)."""
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
