"""Who holds a port, from the kernel's tables."""

import os
import socket
from pathlib import Path

from freehold.runtime.port_holder import find_port_holder, holder_of, listening_inodes

TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:128B 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 424242 1
   1: 0100007F:128B 0100007F:8F2A 01 00000000:00000000 00:00000000 00000000  1000        0 515151 1
   2: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 616161 1
short line
"""


def test_only_listening_sockets_of_the_port_count() -> None:
    assert listening_inodes(TABLE, 4747) == ("424242",)
    assert listening_inodes(TABLE, 22) == ("616161",)
    assert listening_inodes(TABLE, 80) == ()
    assert listening_inodes("", 80) == ()


def _machine(root: Path, *, table: str = "tcp") -> Path:
    (root / "net").mkdir(parents=True)
    (root / "net" / table).write_text(TABLE)
    files = root / "812" / "fd"
    files.mkdir(parents=True)
    (root / "812" / "comm").write_text("nginx\n")
    (files / "3").symlink_to("socket:[424242]")
    (root / "900" / "fd").mkdir(parents=True)
    (root / "900" / "fd" / "4").symlink_to("socket:[515151]")
    return root


def test_the_program_is_named_with_its_pid(tmp_path: Path) -> None:
    assert holder_of(4747, _machine(tmp_path)) == "nginx (pid 812)"


def test_a_socket_of_the_newer_protocol_is_found_too(tmp_path: Path) -> None:
    assert holder_of(4747, _machine(tmp_path, table="tcp6")) == "nginx (pid 812)"


def test_what_belongs_to_others_is_not_guessed(tmp_path: Path) -> None:
    assert holder_of(22, _machine(tmp_path)) == ""
    assert holder_of(22, tmp_path / "none") == ""


def test_this_very_process_is_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = find_port_holder(server.getsockname()[1])
    assert found is not None
    assert found.pid == os.getpid()
