"""Brings a model from the hub to this machine: choose a file, be sure of room, fetch, check."""

import asyncio
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from freehold.core.clock import Clock
from freehold.core.errors import BadRequest, DiskFull, NotFound, StoreFailed
from freehold.core.units import MIB, show_size
from freehold.runtime.models.download import Source, fetch
from freehold.runtime.models.gguf import GgufCard, read_card, split_parts
from freehold.runtime.models.hub import Hub, HubFile
from freehold.runtime.models.names import hub_name, quantisation_of
from freehold.runtime.models.reference import Reference, is_plain_path

Progress = Callable[[int, int], None]
"""Told bytes done and bytes in all."""

_USUAL: Final = (
    "Q4_K_M", "Q4_K_S", "IQ4_XS", "Q4_0", "Q5_K_M", "Q5_K_S", "MXFP4", "Q6_K", "Q8_0", "Q3_K_M",
    "F16", "BF16",
)  # fmt: skip
"""What is taken when nothing is asked for, best compromise of size and quality first."""
_PARTS_OF_OTHERS: Final = ("mmproj", "imatrix")
_SPARE: Final = 256 * MIB
"""Room left on the disk beyond the model, for the house's own work."""


class Pulled(msgspec.Struct, frozen=True, kw_only=True):
    """A model that is here now."""

    name: str
    path: Path
    """Its file; the first where it has several."""
    card: GgufCard


async def pull(
    hub: Hub, reference: Reference, folder: Path, clock: Clock, progress: Progress
) -> Pulled:
    """Bring a model into `folder`, going on from what an earlier try left.

    Raises:
        NotFound: no such repository, file or quantisation; says what there is.
        DiskFull: the disk has no room for it; names both numbers.
        BadRequest: the file came whole, and is no model that can be loaded.
        And as `Hub.files` and `download.fetch`.
    """
    listed = await hub.files(reference.repo, reference.revision)
    chosen = choose(listed, reference)
    home = folder / reference.repo
    targets = [home / file.path for file in chosen]
    total = sum(file.bytes for file in chosen)
    await asyncio.to_thread(_make_room, list(zip(chosen, targets, strict=True)), total)
    before = 0
    for file, target in zip(chosen, targets, strict=True):
        if not _is_here(file, target):
            source = Source(repo=reference.repo, revision=reference.revision, file=file)
            await fetch(hub, source, target, clock, _sum(progress, before, total))
        before += file.bytes
        progress(before, total)
    card = await asyncio.to_thread(read_card, targets[0])
    return Pulled(name=hub_name(reference.repo, chosen[0].path), path=targets[0], card=card)


def _sum(progress: Progress, before: int, total: int) -> Callable[[int], None]:
    """Progress of one file, told as progress of all of them."""
    return lambda done: progress(before + done, total)


def choose(listed: Sequence[HubFile], reference: Reference) -> tuple[HubFile, ...]:
    """The file that is meant, or all parts of it.

    Raises:
        NotFound: there is none; says what there is.
    """
    where = reference.repo
    models = {file.path: file for file in listed if _is_model(file)}
    if not models:
        message = f"{where} holds no GGUF file"
        fix = "look for a repository of the same model whose name ends in -GGUF"
        raise NotFound(message, where=where, fix=fix)
    path = _path_meant(models, reference)
    if path is None:
        there = sorted({quantisation_of(name) or name for name in models})
        message = f"{where} has no {reference.wanted!r}"
        raise NotFound(message, where=where, fix=f"there is {', '.join(there[:20])}")
    parts = [str(part) for part in split_parts(Path(path))]
    missing = [part for part in parts if part not in models]
    if missing:
        message = f"{where} lacks {missing[0]}, a part of this model"
        raise NotFound(message, where=where, fix="choose another file of it")
    return tuple(models[part] for part in parts)


def _is_model(file: HubFile) -> bool:
    name = file.path.rpartition("/")[2].lower()
    return (
        name.endswith(".gguf")
        and not any(word in name for word in _PARTS_OF_OTHERS)
        and is_plain_path(file.path)
        and file.bytes > 0
        and bool(file.sha256 or file.git_sha1)
    )


def _path_meant(models: dict[str, HubFile], reference: Reference) -> str | None:
    """Path of the file that is meant, or of its first part."""
    wanted = reference.wanted
    if wanted in models:
        return wanted
    first = [path for path in sorted(models) if _is_first(path)]
    if wanted:
        for path in first:
            if wanted == path.rpartition("/")[2] or wanted.upper() == quantisation_of(path):
                return path
        return None
    for usual in _USUAL:
        for path in first:
            if quantisation_of(path) == usual:
                return path
    return min(first, key=lambda path: models[path].bytes, default=None)


def _is_first(path: str) -> bool:
    try:
        split_parts(Path(path))
    except BadRequest:
        return False
    return True


def _is_here(file: HubFile, target: Path) -> bool:
    """Whether the file was brought before; it has its name only once its hash was checked."""
    try:
        return target.stat().st_size == file.bytes
    except OSError:
        return False


def _make_room(files: list[tuple[HubFile, Path]], total: int) -> None:
    """Make the folders, and see that the disk can take what is still to come."""
    try:
        for _, target in files:
            target.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(files[0][1].parent).free
        here = sum(_bytes_here(file, target) for file, target in files)
    except OSError as error:
        message = f"the models' folder cannot be used: {(error.strerror or '').lower()}"
        raise StoreFailed(message, where=str(files[0][1].parent)) from error
    if total - here + _SPARE > free:
        message = (
            f"the model needs {show_size(total - here)} of disk and {show_size(_SPARE)} to spare; "
            f"{show_size(free)} are free"
        )
        fix = "make room, choose a smaller quantisation, or put the house on another disk"
        raise DiskFull(message, where=str(files[0][1].parent), fix=fix)


def _bytes_here(file: HubFile, target: Path) -> int:
    if _is_here(file, target):
        return file.bytes
    part = target.with_name(target.name + ".part")
    return part.stat().st_size if part.is_file() else 0
