"""Where a house keeps what it knows: one folder, its rooms, and who may enter."""

import os
from pathlib import Path
from typing import Final

import msgspec

from freehold.core.errors import StoreFailed

_PRIVATE: Final = 0o700


class Home(msgspec.Struct, frozen=True):
    """The folder of one house. Every path in it is named here and nowhere else."""

    root: Path
    """Absolute; see `Environment.home` for how it is chosen."""

    @property
    def db(self) -> Path:
        """Databases; must be on a local disk."""
        return self.root / "db"

    @property
    def blobs(self) -> Path:
        """Uploaded files, named by their hash."""
        return self.root / "blobs"

    @property
    def models(self) -> Path:
        """Weights that were pulled; adopted ones stay where they are."""
        return self.root / "models"

    @property
    def bus(self) -> Path:
        """Streams of the bus that are kept on disk."""
        return self.root / "bus"

    @property
    def logs(self) -> Path:
        """One log for the house and one for each of its children."""
        return self.root / "logs"

    @property
    def recordings(self) -> Path:
        """Recordings of runs."""
        return self.root / "recordings"

    @property
    def backups(self) -> Path:
        """Copies of the databases, made before each migration."""
        return self.root / "backups"

    @property
    def run(self) -> Path:
        """What is true only while a house runs."""
        return self.root / "run"

    @property
    def spec(self) -> Path:
        """The spec of this house, if its owner wrote one."""
        return self.root / "freehold.yaml"

    @property
    def house_log(self) -> Path:
        """What the house itself says when it was started with `--detach`."""
        return self.logs / "house.log"

    @property
    def running(self) -> Path:
        """Who runs, as JSON (`freehold.spec.up.Running`)."""
        return self.run / "house.json"

    @property
    def lock(self) -> Path:
        """Held (flock) for as long as a house runs."""
        return self.run / "lock"

    @property
    def cli_token(self) -> Path:
        """Bearer token of the command line; readable by the owner only."""
        return self.run / "cli.token"

    def create(self) -> None:
        """Make the folder and its rooms, closed to everybody but the owner.

        Raises:
            StoreFailed: a folder cannot be made, or its place is taken by a file.
        """
        rooms = (
            self.root, self.db, self.blobs, self.models, self.bus, self.logs,
            self.recordings, self.backups, self.run,
        )  # fmt: skip
        for room in rooms:
            try:
                room.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
                if room.stat().st_mode & 0o077:
                    room.chmod(_PRIVATE)
                writable = os.access(room, os.W_OK | os.X_OK)
            except OSError as error:
                message = f"the home folder cannot be made: {_reason(error)}"
                raise StoreFailed(message, where=str(room), fix=_ELSEWHERE) from error
            if not writable:
                message = "the home folder belongs to somebody else"
                raise StoreFailed(message, where=str(room), fix=_ELSEWHERE)


_ELSEWHERE: Final = "choose a folder of your own with --home DIR or FREEHOLD_HOME"


def _reason(error: OSError) -> str:
    """What the system said, in lower case."""
    return (error.strerror or str(error)).lower()
