"""Takes from this process what reading a document does not need: memory, files, network.

Each limit is kept by the kernel, so that it holds when a parser has been taken over. What a
system does not offer (namespaces without rights, `prctl` elsewhere than on Linux) is left out.
"""

import ctypes
import os
import resource
import sys
from typing import Final

_CLONE_NEWUSER: Final = 0x10000000
_CLONE_NEWNET: Final = 0x40000000
_PR_SET_NO_NEW_PRIVS: Final = 38
_OPEN_FILES: Final = 64
_NICER: Final = 5
_CPU_IN_ALL_S: Final = 3_600


def confine(memory: int) -> None:
    """Give up what is not needed, for good.

    Args:
        memory: bytes of address space this process may have.

    Source:
        unshare(2), prctl(2), setrlimit(2).
    """
    os.nice(_NICER)
    _leave_network()
    for limit, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_CPU, _CPU_IN_ALL_S),
    ):
        _lower(limit, most)


def allow_cpu(seconds: float) -> None:
    """Allow this much more processor time before the kernel ends this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = int(used.ru_utime + used.ru_stime + seconds) + 2
    resource.setrlimit(resource.RLIMIT_CPU, (min(soft, hard), hard))


def _lower(limit: int, most: int) -> None:
    _, hard = resource.getrlimit(limit)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(limit, (most, most))


def _leave_network() -> None:
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if libc.unshare(_CLONE_NEWNET) != 0:
        libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)
