"""Every model this house can serve: its own, those of other programs, and running servers'."""

import asyncio
import contextlib
import difflib
import importlib.resources
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import apsw
import msgspec

from freehold.core.errors import BadRequest, Conflict, ModelUnknown
from freehold.core.units import Bytes
from freehold.runtime.calls import Model, ModelKind
from freehold.runtime.engines.contract import Engine, Loads, Workshop
from freehold.runtime.engines.llama_server import LlamaServer
from freehold.runtime.machine.gpus import read_gpus
from freehold.runtime.machine.memory import read_memory
from freehold.runtime.models.adopt import Skipped
from freehold.runtime.models.choice import READING_ROOM, choose_default
from freehold.runtime.models.gguf import GgufCard, read_card, split_parts
from freehold.runtime.models.hub import Hub
from freehold.runtime.models.lookout import Around, Lookout
from freehold.runtime.models.names import clean, stem, unique
from freehold.runtime.models.pull import Progress, pull
from freehold.runtime.models.reference import read_reference
from freehold.runtime.store.database import Database
from freehold.runtime.store.queries import queries
from freehold.runtime.store.rows import one, rows
from freehold.spec.caches import usual
from freehold.spec.up import UpOptions

__all__ = ["READING_ROOM", "Shelf"]

OURS: Final = "llama-server"
"""The engine that holds files in memory."""
DEMO: Final = "freehold-tiny"
_DEMO_FILE: Final = "demo/freehold-tiny-q8_0.gguf"
_SECOND_LOOK_S: Final = 1.0
"""A name that is not known makes us look again, but not more often than this."""
_SQL: Final = queries("freehold.runtime.models", "queries.sql")


class _Row(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    path: str
    kind: ModelKind
    bytes: int
    context_tokens: int
    source: str
    pulled: bool

    def model(self) -> Model:
        return Model(
            name=self.name,
            engine=OURS,
            kind=self.kind,
            bytes=self.bytes,
            path=self.path,
            source=self.source,
            context_tokens=self.context_tokens,
        )


class _Choice(msgspec.Struct, frozen=True):
    name: str


class Shelf:
    """The models. Built by `open`, closed by `close`."""

    def __init__(
        self,
        database: Database,
        engines: Mapping[str, Engine],
        options: UpOptions,
        workshop: Workshop,
    ) -> None:
        self._database = database
        self._engines = engines
        self._options = options
        self._workshop = workshop
        self._log = workshop.log.named("models")
        caches = usual(options.environment.user_home, options.environment.caches)
        self._lookout = Lookout(engines, caches, workshop.clock, self._log)
        self._rows: tuple[_Row, ...] = ()
        self._lent: dict[str, Model] = {}
        self._chosen = ""
        self._memory = Bytes(0)
        self._has_gpu = False
        self._listed: tuple[Around, tuple[Model, ...]] | None = None
        """The list as of a look: made anew after each, and after each change of ours."""
        self._pulling: set[str] = set()

    @classmethod
    async def open(
        cls,
        database: Database,
        engines: Mapping[str, Engine],
        options: UpOptions,
        workshop: Workshop,
    ) -> "Shelf":
        """Read what is kept, and begin to look around; does not wait for what that finds.

        Raises:
            StoreFailed: what is kept could not be read.
        """
        shelf = cls(database, engines, options, workshop)
        ours = engines.get(OURS)
        if isinstance(ours, LlamaServer):
            context = options.spec.models.context
            ours.settle_in(logs=options.home.logs, context_tokens=context)
        await shelf._read()
        shelf._memory = await asyncio.to_thread(lambda: read_memory().total)
        shelf._has_gpu = bool(await asyncio.to_thread(read_gpus))
        if options.demo:
            await shelf._lend_demo()
        shelf._lookout.start()
        return shelf

    async def close(self) -> None:
        """Stop looking around."""
        await self._lookout.close()

    async def models(self) -> tuple[Model, ...]:
        """Every model there is: this house's own first, the Reading room last."""
        return await self._list(await self._lookout.see())

    async def find(self, name: str) -> Model:
        """The model a caller means: by name, without regard to case; empty for the default.

        `qwen3` finds `qwen3:latest`, and `org/repo` the only file that is here of it.

        Raises:
            ModelUnknown: nothing serves it; names the nearest.
        """
        if not name:
            name = await self.default()
        found = _meant(name, await self.models())
        if found is None:
            # It may have come since we last looked.
            around = await self._lookout.look(older_than_s=_SECOND_LOOK_S)
            found = _meant(name, await self._list(around))
        if found is None:
            raise await self._unknown(name)
        return found

    async def default(self) -> str:
        """Name of the model that answers when none is named."""
        said = self._chosen or self._options.spec.models.default
        return choose_default(
            await self.models(), memory=self._memory, has_gpu=self._has_gpu, said=said
        )

    async def choose(self, name: str) -> Model:
        """Choose the model that answers when none is named, and remember it. Raises as `find`."""
        model = await self.find(name)
        await self._database.write(
            lambda connection: connection.execute(_SQL["choose_model"], {"name": model.name})
        )
        self._chosen = model.name
        return model

    def skipped(self) -> tuple[Skipped, ...]:
        """Files that look like models and cannot be used, as of the last look."""
        latest = self._lookout.latest
        return latest.adopted.skipped if latest else ()

    def lend(self, model: Model) -> None:
        """List a model that another room of the house keeps, in place of one of that name."""
        self._lent[model.name] = model
        self._listed = None

    async def add(self, path: Path) -> Model:
        """Serve a file where it lies; adding it twice changes nothing.

        Raises:
            BadRequest: it is missing, damaged, cut off, or no model.
        """
        # Links stay as they are: the parts of a split model find each other by their names.
        path = await asyncio.to_thread(path.absolute)
        card = await asyncio.to_thread(read_card, path)
        return await self._keep(clean(stem(path.name)), path, card, "added by hand", pulled=False)

    async def pull(self, ref: str, progress: Progress) -> Model:
        """Bring a model from the hub; `progress` is told bytes done and in all.

        Raises:
            BadRequest: the reference is not one, or what came is no model.
            Conflict: it is being pulled already.
            And as `freehold.runtime.models.pull.pull`.
        """
        reference = read_reference(ref)
        if reference.repo in self._pulling:
            message = f"{reference.repo} is being pulled already"
            raise Conflict(message, where=ref, fix="wait for it to finish")
        self._pulling.add(reference.repo)
        models, lent = self._options.spec.models, self._workshop
        token = self._options.environment.hub_token
        folder = self._options.home.models
        try:
            async with Hub(lent.client, lent.clock, base=models.hub, token=token) as hub:
                came = await pull(hub, reference, folder, lent.clock, progress)
        finally:
            self._pulling.discard(reference.repo)
        source = f"pulled from {models.hub.partition('://')[2]}/{reference.repo}"
        self._log.info("model pulled", model=came.name, bytes=came.card.bytes)
        return await self._keep(came.name, came.path, came.card, source, pulled=True)

    async def remove(self, name: str) -> None:
        """Stop serving a model; deletes its file only if this house pulled it.

        Raises:
            ModelUnknown: there is none of that name.
            Conflict: it belongs to another program, or to the house itself.
        """
        row = next((row for row in self._rows if row.name == name), None)
        if row is None:
            model = await self.find(name)
            whose = model.source or "the house"
            message = f"{model.name!r} is not this house's to remove: {whose}"
            raise Conflict(message, where=name, fix="remove it in the program it belongs to")
        engine = self._engines.get(OURS)
        if isinstance(engine, Loads):
            await engine.unload(row.model())
        await self._database.write(
            lambda connection: connection.execute(_SQL["remove_model"], {"name": row.name})
        )
        await self._read()
        if row.pulled:
            await asyncio.to_thread(_delete, Path(row.path), self._options.home.models)
        self._log.info("model removed", model=name, deleted=row.pulled)

    async def _keep(
        self, name: str, path: Path, card: GgufCard, source: str, *, pulled: bool
    ) -> Model:
        """Write a model down, under a name of its own."""
        here = next((row for row in self._rows if row.path == str(path)), None)
        taken = {model.name for model in await self.models()}
        row = _Row(
            name=here.name if here else unique(name, taken),
            path=str(path),
            kind=card.kind,
            bytes=card.bytes,
            context_tokens=card.context_tokens,
            source=here.source if here else source,
            pulled=here.pulled if here else pulled,
        )
        values = {**msgspec.structs.asdict(row), "added_at": self._workshop.clock.wall()}
        await self._database.write(
            lambda connection: connection.execute(_SQL["put_model"], values)
        )
        await self._read()
        return row.model()

    async def _read(self) -> None:
        """Read what is kept."""

        def work(connection: apsw.Connection) -> tuple[list[_Row], _Choice | None]:
            kept = rows(connection.execute(_SQL["models"]), _Row)
            return kept, one(connection.execute(_SQL["chosen_model"]), _Choice)

        kept, chosen = await self._database.read(work)
        self._rows = tuple(kept)
        self._listed = None
        self._chosen = chosen.name if chosen else ""

    async def _lend_demo(self) -> None:
        path = Path(str(importlib.resources.files("freehold.catalog").joinpath(_DEMO_FILE)))
        card = await asyncio.to_thread(read_card, path)
        self.lend(
            Model(
                name=DEMO,
                engine=OURS,
                kind=card.kind,
                bytes=card.bytes,
                path=str(path),
                source="demonstration: answers only about its own small world",
                context_tokens=card.context_tokens,
                demo=True,
            )
        )

    async def _list(self, around: Around) -> tuple[Model, ...]:
        """All models as of a look."""
        if self._listed is None or self._listed[0] is not around:
            rows_now = self._rows
            gone = await asyncio.to_thread(_gone, [row.path for row in rows_now])
            here = [row.model() for row in rows_now if row.path not in gone]
            listed = self._merged(here, around)
            if rows_now is not self._rows:
                return listed  # they changed meanwhile: right for this caller, not for the next
            self._listed = (around, listed)
        return self._listed[1]

    def _merged(self, ours: list[Model], around: Around) -> tuple[Model, ...]:
        """Each name once, each file once."""
        models = {model.name: model for model in ours}
        models |= {name: model for name, model in self._lent.items() if not model.demo}
        paths = {model.path for model in models.values()}
        for adopted in around.adopted.models:
            if str(adopted.path) not in paths:
                name = unique(adopted.name, models.keys())
                models[name] = _adopted(name, adopted.path, adopted.source, adopted.card)
        for served in around.served:
            models.setdefault(served.name, served)
        models |= {name: model for name, model in self._lent.items() if model.demo}
        models[READING_ROOM] = Model(
            name=READING_ROOM, engine="reading-room", kind="chat", source="built in"
        )
        return tuple(models.values())

    async def _unknown(self, name: str) -> ModelUnknown:
        row = next((row for row in self._rows if row.name == name), None)
        if row is not None:
            message = f"the file of {name!r} is not there any more"
            fix = f"put it back, or run `freehold models rm {name}`"
            return ModelUnknown(message, where=row.path, fix=fix)
        names = [model.name for model in await self.models()]
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]!r}? " if near else ""
        message = f"no model is called {name[:200]!r}"
        return ModelUnknown(message, where="model", fix=f"{hint}see `freehold models ls`")


def _adopted(name: str, path: Path, source: str, card: GgufCard) -> Model:
    return Model(
        name=name,
        engine=OURS,
        kind=card.kind,
        bytes=card.bytes,
        path=str(path),
        source=source,
        context_tokens=card.context_tokens,
    )


def _meant(name: str, models: Iterable[Model]) -> Model | None:
    """The one model a name means: exact, else in any case, else the only one with any tag."""
    folded = name.casefold()
    by_name = {model.name.casefold(): model for model in models}
    for wanted in (folded, f"{folded}:latest"):
        if wanted in by_name:
            return by_name[wanted]
    tagged = [model for key, model in by_name.items() if key.startswith(f"{folded}:")]
    return tagged[0] if len(tagged) == 1 else None


def _gone(paths: list[str]) -> frozenset[str]:
    return frozenset(path for path in paths if not Path(path).is_file())


def _delete(path: Path, below: Path) -> None:
    """Delete a model we pulled, all its parts, and the folders that leaves empty."""
    if not path.is_relative_to(below):
        return
    with contextlib.suppress(BadRequest, OSError):
        for part in split_parts(path):
            part.unlink(missing_ok=True)
        for folder in path.parents:
            if folder == below:
                return
            folder.rmdir()
