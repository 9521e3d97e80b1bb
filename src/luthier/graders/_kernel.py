"""Walls that Linux puts around a process: no writes outside a folder, no sockets, no children, and
nothing that only root may do.

Source: landlock(7) of the Linux manual, for files; seccomp(2), with a filter in classic BPF, for
system calls; capabilities(7), for root. All hold until the process ends and cannot be taken down
by it. Standard library only: it runs inside the process that is walled in.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct

_NO_NEW_PRIVS, _SET_SECCOMP, _FILTER, _PARENT_DEATH = 38, 22, 2, 1
_SIGKILL = 9
_DROP_BOUND, _AMBIENT, _CLEAR_ALL = 24, 47, 4
_CAPABILITIES_3 = 0x20080522
_READS_ALL = 1 << 2
"""CAP_DAC_READ_SEARCH: the file and what it imports may belong to others than root."""
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_WRITES = {1: 0x1FF2, 2: 0x2000, 3: 0x4000}
"""Rights of landlock that change files, by the version that brought them: write, remove, make,
refer, truncate."""
_SCOPES = {6: (0, 0x3)}
"""What else it closes in, by the version: of the network nothing; sockets without a file, and
signals to processes outside."""

_ARCHITECTURES = {
    "x86_64": (
        0xC000003E,
        {"clone": 56, "clone3": 435, "tgkill": 234, "prlimit64": 302, "fcntl": 72, "ioctl": 16},
        # sockets; processes; files' owners, modes, times and attributes; signals; memory that
        # counts for no limit (shared, messages, files without a name); the rest
        (41, 42, 44, 49, 50, 53, 57, 58, 59, 322, 90, 91, 92, 93, 94, 132, 188, 189, 190, 197, 198,
         199, 235, 260, 261, 268, 280, 452, 62, 129, 200, 297, 424, 29, 64, 68, 240, 319, 447,
         101, 160, 165, 250, 272, 304, 308, 310, 311, 321, 425),
    ),
    "aarch64": (
        0xC00000B7,
        {"clone": 220, "clone3": 435, "tgkill": 131, "prlimit64": 261, "fcntl": 25, "ioctl": 29},
        (198, 199, 200, 201, 203, 206, 221, 281, 5, 6, 7, 14, 15, 16, 52, 53, 54, 55, 88, 452, 129,
         130, 138, 240, 424, 180, 186, 190, 194, 279, 447, 117, 164, 40, 219, 97, 265, 268, 270,
         271, 280, 425),
    ),
}  # fmt: skip
"""Machine -> (its number, calls that are looked at, calls that are refused)."""

_SIGNALLED = {"fcntl": (8, 10, 15), "ioctl": (0x8901, 0x8902)}
"""Commands that say whom the kernel signals when a file is ready, and with what: F_SETOWN,
F_SETSIG, F_SETOWN_EX; FIOSETOWN, SIOCSPGRP."""
_ALLOW, _EPERM, _ENOSYS = 0x7FFF0000, 0x00050001, 0x00050026
_CLONE_THREAD = 0x10000
_LOAD, _EQUAL, _ABOVE, _BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06


def close(folder: str) -> list[str]:
    """Names of the walls that this kernel has, all of them standing. `folder` stays writable."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PARENT_DEATH, _SIGKILL, 0, 0, 0)
    if libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0):
        return []
    walls = {
        "landlock": _landlock(libc, folder),
        "dropped capabilities": _capabilities(libc),
        "seccomp": _seccomp(libc),
    }
    return [name for name, stands in walls.items() if stands]


def _landlock(libc: ctypes.CDLL, folder: str) -> bool:
    version = libc.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), 1)
    if version < 1:
        return False
    rights = sum(value for since, value in _WRITES.items() if version >= since)
    scopes = next((value for since, value in _SCOPES.items() if version >= since), ())
    packed = struct.pack(f"{1 + len(scopes)}Q", rights, *scopes)
    ruleset = ctypes.create_string_buffer(packed, len(packed))
    handle = libc.syscall(_LANDLOCK_CREATE, ruleset, ctypes.c_size_t(len(packed)), 0)
    if handle < 0:
        return False
    for path, granted in ((folder, rights), (os.devnull, rights & 0x4002)):
        beneath = os.open(path, os.O_PATH)
        rule = ctypes.create_string_buffer(struct.pack("=Qi", granted, beneath))
        failed = libc.syscall(_LANDLOCK_ADD, handle, 1, rule, 0)
        os.close(beneath)
        if failed:
            return False
    restricted = libc.syscall(_LANDLOCK_RESTRICT, handle, 0) == 0
    os.close(handle)
    return restricted


def _capabilities(libc: ctypes.CDLL) -> bool:
    """Give up what root may do, but for reading. To look into the memory or the environment of a
    process that may do more is refused then."""
    number = 0
    while libc.prctl(_DROP_BOUND, number, 0, 0, 0) == 0:
        number += 1
    libc.prctl(_AMBIENT, _CLEAR_ALL, 0, 0, 0)
    header = ctypes.create_string_buffer(struct.pack("Ii", _CAPABILITIES_3, 0))
    sets = ctypes.create_string_buffer(24)
    if libc.capget(header, sets):
        return False
    kept = struct.unpack("6I", sets.raw[:24])[1] & _READS_ALL
    left = ctypes.create_string_buffer(struct.pack("6I", kept, kept, 0, 0, 0, 0))
    return libc.capset(header, left) == 0


def _seccomp(libc: ctypes.CDLL) -> bool:
    known = _ARCHITECTURES.get(platform.machine())
    if known is None:
        return False
    program = _program(*known)
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in program))
    header = struct.pack("HxxxxxxP", len(program), ctypes.addressof(code))
    return libc.prctl(_SET_SECCOMP, _FILTER, ctypes.create_string_buffer(header), 0, 0) == 0


def _program(
    machine: int, looked_at: dict[str, int], refused: tuple[int, ...]
) -> list[tuple[int, int, int, int]]:
    """(code, jump if true, jump if false, value) lines. seccomp_data: number at 0, machine at 4,
    arguments from 16, the low half of each first."""
    lines = [
        (_LOAD, 0, 0, 4),
        (_EQUAL, 1, 0, machine),
        (_RETURN, 0, 0, _EPERM),
        (_LOAD, 0, 0, 0),
        (_ABOVE, 0, 1, 0x40000000),  # calls of the x32 kind would pass by their other numbers
        (_RETURN, 0, 0, _EPERM),
    ]
    for number in refused:
        lines += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _EPERM)]
    # libc tries the older call, whose flags can be read, when this one seems not to exist
    lines += [(_EQUAL, 0, 1, looked_at["clone3"]), (_RETURN, 0, 0, _ENOSYS)]
    lines += _unless(looked_at["clone"], [(_LOAD, 0, 0, 16), (_BIT, 1, 0, _CLONE_THREAD)])
    lines += _unless(looked_at["tgkill"], [(_LOAD, 0, 0, 16), (_EQUAL, 1, 0, os.getpid())])
    lines += _unless(
        looked_at["prlimit64"],
        [(_LOAD, 0, 0, 32), (_EQUAL, 0, 2, 0), (_LOAD, 0, 0, 36), (_EQUAL, 1, 0, 0)],
    )
    for name, commands in _SIGNALLED.items():
        lines += _except(looked_at[name], commands)
    return [*lines, (_RETURN, 0, 0, _ALLOW)]


def _unless(number: int, test: list[tuple[int, int, int, int]]) -> list[tuple[int, int, int, int]]:
    """Refuse a call unless `test` jumps over the refusal to what allows it."""
    body = [*test, (_RETURN, 0, 0, _EPERM), (_RETURN, 0, 0, _ALLOW)]
    return [(_EQUAL, 0, len(body), number), *body]


def _except(number: int, commands: tuple[int, ...]) -> list[tuple[int, int, int, int]]:
    """Allow a call unless its second argument is one of `commands`."""
    tests = [(_EQUAL, len(commands) - at, 0, value) for at, value in enumerate(commands)]
    body = [(_LOAD, 0, 0, 24), *tests, (_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _EPERM)]
    return [(_EQUAL, 0, len(body), number), *body]
