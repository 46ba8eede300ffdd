"""Ties a process to its parent: when the parent dies, even by `kill -9`, the process dies too.

Run as a program (`python -I -S leash.py PARENT ARGV...`) it ties itself and becomes ARGV; the tie
survives the exec. A Python child may call `tie()` first thing instead.

The kernel watches the *thread* that started the child, so children are started from the main
thread only (Source: prctl(2), PR_SET_PDEATHSIG). Elsewhere than on Linux the pipe on standard
input is the leash: its end says that the parent is gone.

Imports nothing of Freehold: it runs as a bare file before the child does.
"""

import array
import ctypes
import fcntl
import os
import select
import signal
import sys
import termios
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_CANNOT_RUN: Final = 127


def tie(parent: int = 0) -> None:
    """Have the kernel kill this process when its parent dies; exit now if it already has.

    Args:
        parent: process id the parent is known to have; without it a broken pipe on standard input
            is what shows a parent that died before the tie was made.
    """
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if (parent and os.getppid() != parent) or _hung_up(0):
        os._exit(_CANNOT_RUN)


def _hung_up(descriptor: int) -> bool:
    """Whether the other end of a pipe or socket is closed and nothing is left to read."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    if not any(event & select.POLLHUP for _, event in poll.poll(0)):
        return False
    left = array.array("i", [0])
    fcntl.ioctl(descriptor, termios.FIONREAD, left)
    return left[0] == 0


def main() -> None:
    """Tie this process, then become the program named by the arguments."""
    parent, argv = int(sys.argv[1]), sys.argv[2:]
    tie(parent)
    try:
        os.execvp(argv[0], argv)  # noqa: S606 - an argument list, no shell
    except OSError as broken:
        sys.stderr.write(f"cannot run {argv[0]}: {broken.strerror}\n")
        sys.exit(_CANNOT_RUN)


if __name__ == "__main__":
    main()
