"""Finds the models other programs have here: read in place, never copied, never changed."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from freehold.core.clock import Clock
from freehold.core.errors import BadRequest
from freehold.core.units import MIB
from freehold.runtime.models.gguf import GgufCard, read_card, split_parts
from freehold.runtime.models.names import clean, hub_name, stem, unique
from freehold.spec.caches import Caches

BUDGET_S: Final = 2.0
"""Time for one look around; what was read is remembered, so the next look gets further."""
_MOST_ENTRIES: Final = 20_000
"""Files and folders seen in one look."""
_MOST_DEPTH: Final = 8
_MOST_MANIFEST: Final = MIB
_DIGEST: Final = re.compile(r"sha256[:-]([0-9a-f]{64})")
_MODEL_LAYER: Final = "application/vnd.ollama.image.model"
_OLLAMA_LIBRARY: Final = ("registry.ollama.ai", "library")
_MANIFEST_DEPTH: Final = 4
"""Registry, namespace, model, tag."""
_HUB_FOLDER: Final = re.compile(r"models--(?P<organisation>[^/]+?)--(?P<repo>[^/]+)")


class Adopted(msgspec.Struct, frozen=True, kw_only=True):
    """A model of another program."""

    name: str
    path: Path
    source: str
    """Whose it is, in words: `Ollama's cache`."""
    card: GgufCard


class Skipped(msgspec.Struct, frozen=True, kw_only=True):
    """A file that looks like a model and cannot be used."""

    path: Path
    reason: str


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What one look around found."""

    models: tuple[Adopted, ...]
    skipped: tuple[Skipped, ...]
    complete: bool
    """False when there was more than one look may take; look again."""


class _Candidate(msgspec.Struct, frozen=True):
    name: str
    path: Path
    source: str


class _Layer(msgspec.Struct):
    digest: str = ""
    mediaType: str = ""  # noqa: N815 - the manifest's own word


class _Manifest(msgspec.Struct):
    layers: list[_Layer] = []


class Adopter:
    """Looks around, and remembers the headers it has read. Blocks: call it from one thread.

    Args:
        clock: keeps the time for one look.
        budget_s: that time.
    """

    def __init__(self, clock: Clock, budget_s: float = BUDGET_S) -> None:
        self._clock = clock
        self._budget_s = budget_s
        self._known: dict[tuple[str, int, int], GgufCard | str] = {}
        """Real path, size and time of change of a file, to its card or what is wrong with it."""

    def look(self, caches: Caches) -> Found:
        """Look into every folder; what cannot be read is reported, never raised."""
        walk = _Walk(self._clock, self._clock.now() + self._budget_s)
        models: dict[str, Adopted] = {}
        skipped: list[Skipped] = []
        seen: set[str] = set()
        known: dict[tuple[str, int, int], GgufCard | str] = {}
        for candidate in walk.candidates(caches):
            real = os.path.realpath(candidate.path)
            if real in seen:
                continue
            seen.add(real)
            key, card = self._card(candidate.path, real)
            known[key] = card
            if isinstance(card, str):
                skipped.append(Skipped(path=candidate.path, reason=card))
                continue
            name = unique(clean(candidate.name), models.keys())
            models[name] = Adopted(
                name=name, path=candidate.path, source=candidate.source, card=card
            )
        self._known = known if walk.complete else {**self._known, **known}
        skipped += (Skipped(path=path, reason=reason) for path, reason in walk.refused)
        return Found(models=tuple(models.values()), skipped=tuple(skipped), complete=walk.complete)

    def _card(self, path: Path, real: str) -> tuple[tuple[str, int, int], GgufCard | str]:
        try:
            found = Path(real).stat()
        except OSError as error:
            return (real, 0, 0), (error.strerror or "cannot be read").lower()
        key = (real, found.st_size, found.st_mtime_ns)
        card = self._known.get(key)
        if card is None:
            try:
                card = read_card(path)
            except BadRequest as error:
                card = str(error)
        return key, card


class _Walk:
    """One walk through the folders, within its bounds."""

    def __init__(self, clock: Clock, until: float) -> None:
        self._clock = clock
        self._until = until
        self._entries = 0
        self.complete = True
        self.refused: list[tuple[Path, str]] = []

    def candidates(self, caches: Caches) -> Iterator[_Candidate]:
        """Every file that may be a model, with the name it would have."""
        programs: tuple[tuple[tuple[Path, ...], Callable[[Path], Iterator[_Candidate]]], ...] = (
            (caches.ollama, self._ollama),
            (caches.lm_studio, self._lm_studio),
            (caches.jan, self._jan),
            (caches.hugging_face, self._hugging_face),
            (caches.llama_cpp, self._llama_cpp),
        )
        for folders, look in programs:
            for folder in folders:
                yield from look(folder)

    def _ollama(self, folder: Path) -> Iterator[_Candidate]:
        """Manifests name blobs by their hash. Source: the layout of Ollama's model folder."""
        root = folder / "manifests"
        for path in self._files(root, suffix=""):
            parts = path.relative_to(root).parts
            if len(parts) != _MANIFEST_DEPTH:
                continue
            blob = self._blob(path, folder)
            if blob is not None:
                yield _Candidate(_ollama_name(parts), blob, "Ollama's cache")

    def _blob(self, manifest: Path, folder: Path) -> Path | None:
        try:
            with manifest.open("rb") as file:
                found = msgspec.json.decode(file.read(_MOST_MANIFEST), type=_Manifest)
        except OSError as error:
            self.refused.append((manifest, (error.strerror or "cannot be read").lower()))
            return None
        except msgspec.DecodeError:
            self.refused.append((manifest, "is not a manifest"))
            return None
        for layer in found.layers:
            digest = _DIGEST.fullmatch(layer.digest)
            if layer.mediaType == _MODEL_LAYER and digest:
                return folder / "blobs" / f"sha256-{digest[1]}"
        return None  # a model that runs elsewhere has no weights here

    def _lm_studio(self, folder: Path) -> Iterator[_Candidate]:
        for path in self._models(folder):
            repo = "/".join(path.relative_to(folder).parts[:-1][:2])
            name = hub_name(repo, path.name) if repo else stem(path.name)
            yield _Candidate(name, path, "LM Studio's models")

    def _jan(self, folder: Path) -> Iterator[_Candidate]:
        """`models/ID/FILE.gguf`, and since 0.6 `llamacpp/models/ID…/model.gguf`."""
        for root in (folder / "models", folder / "llamacpp" / "models"):
            for path in self._models(root):
                above = "/".join(path.relative_to(root).parts[:-1])
                plain = stem(path.name)
                own = above if plain == "model" or above.endswith(plain) else f"{above}/{plain}"
                yield _Candidate(own.strip("/") or plain, path, "Jan's models")

    def _hugging_face(self, folder: Path) -> Iterator[_Candidate]:
        for repo_folder in self._folders(folder):
            found = _HUB_FOLDER.fullmatch(repo_folder.name)
            if found is None:
                continue
            repo = f"{found['organisation']}/{found['repo']}"
            for path in self._models(repo_folder / "snapshots"):
                yield _Candidate(hub_name(repo, path.name), path, "Hugging Face's cache")

    def _llama_cpp(self, folder: Path) -> Iterator[_Candidate]:
        for path in self._models(folder):
            yield _Candidate(stem(path.name), path, "llama.cpp's cache")

    def _models(self, folder: Path) -> Iterator[Path]:
        """Model files below a folder; of split ones the first part, and no picture parts."""
        for path in self._files(folder, suffix=".gguf"):
            if "mmproj" in path.name.lower() or _is_later_part(path):
                continue
            yield path

    def _folders(self, folder: Path) -> Iterator[Path]:
        try:
            with os.scandir(folder) as entries:
                names = sorted(entry.name for entry in entries if self._goes_on())
        except OSError:
            return
        yield from (folder / name for name in names)

    def _files(self, folder: Path, suffix: str) -> Iterator[Path]:
        """Files below a folder in a fixed order; links to folders are not followed."""
        for at, folders, files in os.walk(folder, onerror=self._refuse):
            folders.sort()
            if len(Path(at).relative_to(folder).parts) >= _MOST_DEPTH:
                folders.clear()
            for name in sorted(files):
                if not self._goes_on():
                    return
                if name.lower().endswith(suffix) and not name.startswith("."):
                    yield Path(at) / name

    def _goes_on(self) -> bool:
        """Whether there is time and patience for one more entry."""
        self._entries += 1
        if self._entries > _MOST_ENTRIES or self._clock.now() > self._until:
            self.complete = False
        return self.complete

    def _refuse(self, error: OSError) -> None:
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            reason = (error.strerror or "cannot be read").lower()
            self.refused.append((Path(str(error.filename)), reason))


def _ollama_name(parts: tuple[str, ...]) -> str:
    """A manifest's path as Ollama writes it: `qwen3:8b`, `ada/mine:latest`, `hf.co/o/r:Q4_0`."""
    registry, namespace, model, tag = parts
    if (registry, namespace) == _OLLAMA_LIBRARY:
        return f"{model}:{tag}"
    if registry == _OLLAMA_LIBRARY[0]:
        return f"{namespace}/{model}:{tag}"
    return f"{registry}/{namespace}/{model}:{tag}"


def _is_later_part(path: Path) -> bool:
    try:
        split_parts(path)
    except BadRequest:
        return True
    return False
