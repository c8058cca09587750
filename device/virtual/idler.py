"""The program `idle` for arm64: it takes the processor whenever nobody else wants it.

It gives itself the lowest priority, then says so by a file, then counts. It needs no compiler:

        mov  x0, #0     // sched_setscheduler of itself
        mov  x1, #5     // SCHED_IDLE
        adr  x2, param
        mov  x8, #119
        svc  #0
        mov  x0, #-100  // openat, from the working directory
        adr  x1, path
        mov  x2, #0x41  // O_WRONLY | O_CREAT
        mov  x3, #0644
        mov  x8, #56
        svc  #0
        mov  x8, #124   // sched_yield
    1:  mov  x1, #400
    2:  nop             // eight of them: they cost the emulator nothing
        subs x1, x1, #1
        b.ne 2b
        svc  #0
        b    1b
    param: .word 0
    path:  .asciz "/run/awake"

Two yields are 4000 instructions apart, 4 µs of the counted clock: nobody waits longer for it.
"""

import struct

_INSTRUCTIONS = (
    *(0xD2800000, 0xD28000A1, 0x100002E2, 0xD2800EE8, 0xD4000001),
    *(0x92800C60, 0x10000281, 0xD2800822, 0xD2803483, 0xD2800708, 0xD4000001),
    *(0xD2800F88, 0xD2803201),
    *[0xD503201F] * 8,
    *(0xF1000421, 0x54FFFEE1, 0xD4000001, 0x17FFFFF4),
)
_PARAM, _PATH = bytes(4), b"/run/awake\0"
_CODE = struct.pack(f"<{len(_INSTRUCTIONS)}I", *_INSTRUCTIONS) + _PARAM + _PATH

_ADDRESS = 0x400000
_IDENTITY = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)  # 64 bits, little endian, version 1
_ELF_HEADER = struct.Struct("<16s2HI3QI6H")
_PROGRAM_HEADER = struct.Struct("<2I6Q")
_EXECUTABLE, _AARCH64, _LOAD, _READ_EXECUTE, _PAGE_BYTES = 2, 183, 1, 5, 0x10000


def idle_program() -> bytes:
    """The program: a static ELF file that holds nothing but its headers, code and data."""
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
