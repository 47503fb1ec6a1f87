"""Read channel data from a file, for the sessions whose request has none."""

from __future__ import annotations

from pathlib import Path

import msgspec

from checkout_async._core.body import encode_body
from checkout_async.batch.options import SharedChannelData
from checkout_async.errors import BatchFileError, InvalidRequest

__all__ = ["read_channel_data"]

_decoder: msgspec.json.Decoder[SharedChannelData] = msgspec.json.Decoder(SharedChannelData)


def read_channel_data(path: Path) -> SharedChannelData:
    """Read channel data of a browser, or for merchant-initiated sessions, from a JSON file.

    Raises BatchFileError that names the JSON path of what is invalid.
    """
    try:
        content = msgspec.json.decode(path.read_bytes(), type=dict[str, object])
        checked = encode_body(f"channel data in {path}", content, SharedChannelData)
    except OSError as error:
        raise BatchFileError(f"cannot read the channel data {path}: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise BatchFileError(f"the channel data in {path} are not a JSON object") from None
    except InvalidRequest as error:
        raise BatchFileError(str(error)) from None
    return _decoder.decode(checked)
