"""Everything that looks random (identifiers, secrets, UUIDs, cryptograms), derived from the seed and a name.

A value depends on the seed, on the request that caused it and on its name, never on the order of events: the same
requests get the same values even if they arrive concurrently.
"""

from __future__ import annotations

import base64
import uuid
from collections import Counter
from hashlib import blake2b


class DeterministicIds:
    """Derives values from one key and a name."""

    __slots__ = ("_key", "_seen")

    def __init__(self, seed: int | str | bytes) -> None:
        raw = seed if isinstance(seed, bytes) else str(seed).encode()
        self._key = blake2b(raw, digest_size=32).digest()
        self._seen: Counter[bytes] = Counter()

    def derive_bytes(self, size: int, name: str) -> bytes:
        """Return `size` bytes (at most 64) for `name`; the same ones every time."""
        return blake2b(name.encode(), digest_size=size, key=self._key).digest()

    def fork(self, kind: str, content: bytes = b"") -> DeterministicIds:
        """Return the values of the next object of this kind and content: equal objects get different ones."""
        digest = blake2b(content, digest_size=32, key=self._key, person=kind.encode()).digest()
        self._seen[digest] += 1
        return DeterministicIds(digest + self._seen[digest].to_bytes(8, "big"))

    def identifier(self, prefix: str, name: str) -> str:
        """Return an API identifier: `prefix` and 26 lower-case base32 characters."""
        return f"{prefix}_{self.token(name)}"

    def token(self, name: str) -> str:
        """Return 26 lower-case base32 characters (128 bits)."""
        return base64.b32encode(self.derive_bytes(16, name)).rstrip(b"=").decode().lower()

    def uuid(self, name: str) -> str:
        """Return a UUID of version 4 form, 36 characters."""
        return str(uuid.UUID(bytes=self.derive_bytes(16, name), version=4))

    def base64(self, size: int, name: str) -> str:
        """Return `size` bytes in padded base64 (RFC 4648): 20 bytes are the 28 characters of a cryptogram."""
        return base64.b64encode(self.derive_bytes(size, name)).decode()

    def digits(self, length: int, name: str) -> str:
        """Return a string of at most 70 decimal digits."""
        return str(int.from_bytes(self.derive_bytes(32, name), "big"))[-length:]
