"""The program `idle` for arm64: it takes the processor whenever nobody else wants it.

It needs no compiler:

        mov  x8, #124   // the number of the system call sched_yield
    1:  mov  x1, #400
    2:  nop             // eight of them: they cost the emulator nothing
        subs x1, x1, #1
        b.ne 2b
        svc  #0
        b    1b

Two yields are 4000 instructions apart, 4 µs of the counted clock: nobody waits longer for it.
"""

import struct

_NOPS = 8
_CODE = struct.pack(
    f"<{_NOPS + 6}I",
    0xD2800F88,
    0xD2803201,
    *[0xD503201F] * _NOPS,
    0xF1000421,
    0x54FFFEE1,
    0xD4000001,
    0x17FFFFF4,
)

_ADDRESS = 0x400000
_IDENTITY = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)  # 64 bits, little endian, version 1
_ELF_HEADER = struct.Struct("<16s2HI3QI6H")
_PROGRAM_HEADER = struct.Struct("<2I6Q")
_EXECUTABLE, _AARCH64, _LOAD, _READ_EXECUTE, _PAGE_BYTES = 2, 183, 1, 5, 0x10000


def idle_program() -> bytes:
    """The program: a static ELF file that holds nothing but its headers and code."""
    headers_bytes = _ELF_HEADER.size + _PROGRAM_HEADER.size
    size = headers_bytes + len(_CODE)
    elf = _ELF_HEADER.pack(
        *(_IDENTITY, _EXECUTABLE, _AARCH64, 1),
        *(_ADDRESS + headers_bytes, _ELF_HEADER.size, 0, 0),  # entry, program headers, no sections
        *(_ELF_HEADER.size, _PROGRAM_HEADER.size, 1, 0, 0, 0),
    )
    whole_file = _PROGRAM_HEADER.pack(
        _LOAD, _READ_EXECUTE, 0, _ADDRESS, _ADDRESS, size, size, _PAGE_BYTES
    )
    return elf + whole_file + _CODE
