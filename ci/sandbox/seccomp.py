"""Seccomp: which system calls the code under test may not make, as a filter for the kernel.

By libseccomp itself: it knows the numbers on each machine, it is what container engines use,
and Debian keeps it (apt needs it). Its bindings on PyPI, pyseccomp, have rested since 2021.
"""

from __future__ import annotations

import ctypes
import os
from contextlib import contextmanager
from errno import EAFNOSUPPORT, ENOSYS, EPERM
from socket import AF_INET6, AF_NETLINK, AF_UNIX
from typing import TYPE_CHECKING, NamedTuple

from ci.errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LIBRARY = "libseccomp.so.2"
_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_UNKNOWN = -1
_NOT_EQUAL = 1
_MASKED_EQUAL = 7
_WORD = 0xFFFFFFFF

FORBIDDEN = (
    # Namespaces and mounts: ways to the kernel that nothing in the sandbox needs.
    *("mount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree", "fsopen"),
    *("fsconfig", "fsmount", "fspick", "mount_setattr", "unshare", "setns"),
    # Other processes, and what the kernel keeps for all.
    *("ptrace", "process_vm_readv", "process_vm_writev", "kcmp", "pidfd_getfd"),
    *("keyctl", "add_key", "request_key", "syslog", "acct", "quotactl", "quotactl_fd"),
    *("open_by_handle_at", "name_to_handle_at", "lookup_dcookie", "fanotify_init"),
    # Parts of the kernel that are often broken.
    *("bpf", "perf_event_open", "userfaultfd", "modify_ldt", "vm86", "vm86old", "uselib"),
    # The machine.
    *("kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module"),
    *("reboot", "swapon", "swapoff", "settimeofday", "clock_settime", "clock_adjtime"),
    *("adjtimex", "sethostname", "setdomainname", "iopl", "ioperm", "vhangup"),
)
FOR_SERVERS = (
    # Memory that no limit of a process counts.
    *("shmget", "shmat", "shmctl", "msgget", "semget", "mq_open"),
    # Where memory is.
    *("mbind", "migrate_pages", "move_pages", "set_mempolicy"),
)
"""What no migration needs, and servers do."""
MISSING = (
    *("clone3", "io_uring_setup", "io_uring_enter", "io_uring_register"),
    *("memfd_create", "memfd_secret"),
)
"""What looks as on an older kernel, where libraries know what to do instead."""
NAMESPACES = (
    *(0x00000080, 0x00020000, 0x02000000, 0x04000000),
    *(0x08000000, 0x10000000, 0x20000000, 0x40000000),
)
"""CLONE_NEW…: time, mount, cgroup, uts, ipc, user, pid, net."""
FAMILIES = sorted({*range(3, 64)} - {AF_INET6, AF_NETLINK})
"""Of sockets that may lead out of a network which is empty, as AF_VSOCK leads out of a machine."""
TERMINAL = (0x5412, 0x541C)
"""TIOCSTI and TIOCLINUX: type into the terminal of somebody else."""


class _Comparison(ctypes.Structure):
    """What an argument of a call is compared with, as libseccomp has it."""

    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("first", ctypes.c_uint64),
        ("second", ctypes.c_uint64),
    )


class Rule(NamedTuple):
    """One call that fails with *error*, if its argument compares as said."""

    call: str
    error: int = EPERM
    comparison: tuple[int, int, int, int] | None = None
    """Which argument, the operator, and its one or two operands."""


def rules() -> Iterator[Rule]:
    """Yield what the code under test may not do."""
    yield from (Rule(call) for call in (*FORBIDDEN, *FOR_SERVERS))
    yield from (Rule(call, ENOSYS) for call in MISSING)
    yield from _same_namespaces()
    yield from (Rule("ioctl", EPERM, (1, _MASKED_EQUAL, _WORD, each)) for each in TERMINAL)
    for call in ("socket", "socketpair"):
        yield Rule(call, EAFNOSUPPORT, (0, _NOT_EQUAL, int(AF_UNIX), 0))


def rules_of_servers() -> Iterator[Rule]:
    """Yield what a server may not do that the code under test works in."""
    yield from (Rule(call) for call in FORBIDDEN)
    yield Rule("clone3", ENOSYS)
    yield from _same_namespaces()
    for each in FAMILIES:
        yield Rule("socket", EAFNOSUPPORT, (0, _MASKED_EQUAL, _WORD, each))


def _same_namespaces() -> Iterator[Rule]:
    yield from (Rule("clone", EPERM, (0, _MASKED_EQUAL, each, each)) for each in NAMESPACES)


@contextmanager
def filtering(wanted: Sequence[Rule] | None = None) -> Iterator[int]:
    """Give an open file with the filter, as `bwrap --seccomp` takes it.

    Raises SandboxError where libseccomp is missing, or will not have it.
    """
    library = _library()
    context = library.seccomp_init(_ALLOW)
    file = os.memfd_create("seccomp")
    try:
        for rule in rules() if wanted is None else wanted:
            _add(library, context, rule)
        if library.seccomp_export_bpf(context, file):
            raise SandboxError("libseccomp makes no filter")
        os.lseek(file, 0, os.SEEK_SET)
        yield file
    finally:
        os.close(file)
        library.seccomp_release(context)


def _library() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(LIBRARY)
    except OSError as error:
        raise SandboxError(f"{LIBRARY} is missing", hint="install libseccomp2") from error
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_init.argtypes = (ctypes.c_uint32,)
    library.seccomp_release.argtypes = (ctypes.c_void_p,)
    library.seccomp_export_bpf.argtypes = (ctypes.c_void_p, ctypes.c_int)
    library.seccomp_rule_add_array.argtypes = (
        ctypes.c_void_p,
        ctypes.c_uint32,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.POINTER(_Comparison),
    )
    return library


def _add(library: ctypes.CDLL, context: int, rule: Rule) -> None:
    """Add *rule*, unless this kind of machine has no such call."""
    number = library.seccomp_syscall_resolve_name(rule.call.encode())
    if number == _UNKNOWN:
        return
    compared = [_Comparison(*rule.comparison)] if rule.comparison else []
    array = (_Comparison * len(compared))(*compared)
    action = _ERRNO | rule.error
    if library.seccomp_rule_add_array(context, action, number, len(compared), array):
        raise SandboxError(f"libseccomp has no rule for {rule.call}")
