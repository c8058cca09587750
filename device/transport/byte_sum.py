"""The checksum of ADB's packets, quickly: `adb_shell` takes 7 ms to sum the bytes of a mebibyte.

A checksum of zlib's is a sum of bytes as well, modulo 65521, which 256 bytes cannot reach.
"""

import zlib

_BLOCK_BYTES = 256
_SUM_MASK = 0xFFFF


def byte_sum(data: bytes | bytearray | memoryview) -> int:
    """The sum of all bytes modulo 2^32."""
    view = memoryview(data)
    blocks = (view[at : at + _BLOCK_BYTES] for at in range(0, len(view), _BLOCK_BYTES))
    return sum((zlib.adler32(block) & _SUM_MASK) - 1 for block in blocks) & 0xFFFFFFFF
