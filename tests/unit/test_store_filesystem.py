"""Which filesystems a database may lie on, read from recorded mount tables."""

from pathlib import Path

import pytest

from freehold.core.errors import StoreFailed
from freehold.runtime.store import network_filesystem
from freehold.runtime.store.network_filesystem import filesystem, is_network, refuse_network

# Source: proc_pid_mountinfo(5); lines of a machine with a NAS, shortened.
MOUNTS = """\
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
28 27 0:30 / /mnt/nas rw,relatime shared:1 - nfs4 nas:/volume1 rw,vers=4.2
29 27 0:31 / /mnt/share rw,relatime - cifs //nas/share rw,vers=3.1.1
30 27 0:32 / /home/a/far\\040away rw,nosuid - fuse.sshfs a@far: rw,user_id=0
31 27 0:33 / /mnt/c rw,relatime - 9p drvfs rw,aname=drvfs
32 28 8:1 / /mnt/nas/local rw,relatime - xfs /dev/sda1 rw
33 27 8:2 / /mnt/usb rw,relatime - fuseblk /dev/sdb1 rw
34 27 0:40 / /mnt/pool rw - fuse.mergerfs a:b rw
"""


@pytest.mark.parametrize(
    ("path", "kind", "network"),
    [
        ("/var/lib/freehold/db", "ext4", False),
        ("/mnt/nas/freehold/db", "nfs4", True),
        ("/mnt/nasty/db", "ext4", False),
        ("/mnt/share/db", "cifs", True),
        ("/home/a/far away/db", "fuse.sshfs", True),
        ("/mnt/c/Users/a", "9p", True),
        ("/mnt/nas/local/db", "xfs", False),
        ("/mnt/usb/db", "fuseblk", False),
        ("/mnt/pool/db", "fuse.mergerfs", False),
    ],
)
def test_the_innermost_mount_decides(path: str, kind: str, network: bool) -> None:
    assert filesystem(MOUNTS, Path(path))[0] == kind
    assert is_network(kind) == network


def test_a_later_mount_covers_an_earlier_one_on_the_same_place() -> None:
    text = MOUNTS + "35 28 0:50 / /mnt/nas rw - tmpfs tmpfs rw\n"
    assert filesystem(text, Path("/mnt/nas/db"))[0] == "tmpfs"


def test_a_table_that_says_nothing_refuses_nothing() -> None:
    assert filesystem("", Path("/a")) == ("", "")
    assert filesystem("some other text\n", Path("/a")) == ("", "")


def test_the_refusal_names_filesystem_and_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(f"1 1 0:1 / {tmp_path.resolve()} rw - nfs4 nas:/v rw\n")
    monkeypatch.setattr(network_filesystem, "_MOUNTS", table)
    with pytest.raises(StoreFailed, match=r"network filesystem \(nfs4, mounted at") as refused:
        refuse_network(tmp_path / "house.sqlite")
    assert "--home" in refused.value.fix
