"""Say how the house is."""

from typing import Final

import click
import msgspec

from freehold.cli.commands.contract import Command
from freehold.cli.house import House, talk
from freehold.cli.show import age, count, table
from freehold.cli.terminal import Terminal
from freehold.core.units import show_size


class Child(msgspec.Struct, frozen=True, kw_only=True):
    """A process of the house."""

    name: str
    pid: int | None
    state: str
    restarts: int


class Egress(msgspec.Struct, frozen=True, kw_only=True):
    """What left this machine since the house started."""

    bytes: int = 0


class Meaning(msgspec.Struct, frozen=True, kw_only=True):
    """Whether search knows meaning, not only words."""

    state: str = "off"
    done: int = 0
    total: int = 0
    reason: str = ""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """How the house is."""

    state: str
    """`ok`, or `degraded` when a part of it does not work."""
    children: tuple[Child, ...]
    url: str = ""
    version: str = ""
    uptime_s: float = 0.0
    classes: dict[str, str] = {}
    """How each class of work is served: chat, embed, documents."""
    meaning: Meaning = Meaning()
    egress: Egress = Egress()


@click.command()
@click.pass_obj
def status(terminal: Terminal) -> None:
    """Say how the house is, and each of its processes."""

    async def errand(house: House) -> Status:
        found = await house.get("/status", Status)
        return msgspec.structs.replace(found, url=house.url)

    found = talk(terminal, errand)
    terminal.answer(found, _words(found))


def _words(found: Status) -> str:
    """The same for a person."""
    lines = [f"{found.state}  {found.url}  up {age(found.uptime_s)}  (version {found.version})"]
    lines += [f"{name:<10}{how}" for name, how in found.classes.items()]
    meaning = found.meaning
    if meaning.state == "building":
        lines.append(f"meaning   {meaning.done} of {count(meaning.total, 'passage')}")
    elif meaning.reason:
        lines.append(f"meaning   {meaning.state}: {meaning.reason}")
    sent = show_size(found.egress.bytes) if found.egress.bytes else "nothing"
    lines.append(f"sent out  {sent}")
    rows = [
        (child.name, str(child.pid or "-"), child.state, str(child.restarts))
        for child in found.children
    ]
    if rows:
        lines += ["", table(("PROCESS", "PID", "STATE", "RESTARTS"), rows)]
    return "\n".join(lines)


COMMAND: Final = Command(summary="Say how the house is.", group="Start", command=status)
