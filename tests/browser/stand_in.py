"""A stand-in for the house: the same HTTP API, scripted answers, everything in memory.

For working on the console alone, and for browser tests that need a fault on cue. It answers what
the house's API contract says and nothing more. Run it by hand with

    python tests/browser/stand_in.py --port 4748 [--setup]

and it prints one JSON line with its address and set-up token. A question's words choose what
happens: "fast 8000" streams 8,000 tokens at 400 a second, "slow", "markdown", "refuse", "room",
"fail", "load", "cut" (the house stops in the middle), "drop" (the connection breaks every few
events); anything else is answered from the lease, with citations.
"""

import argparse
import asyncio
import json
import secrets
import socket
import sys
import time
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

sys.path[:0] = [str(Path(__file__).parents[2] / "src"), str(Path(__file__).parent)]

import stand_in_texts as texts  # noqa: E402  the path is known only now

from freehold.runtime.console.assets import HEADERS, Assets  # noqa: E402

V1 = "/freehold/v1"
FINAL = ("done", "stopped", "failed", "cut")


class Problem(Exception):
    """An error as problem+json."""

    def __init__(self, status: int, code: str, title: str, fix: str = "") -> None:
        super().__init__(title)
        self.status, self.code, self.title, self.fix = status, code, title, fix


class House:
    """All state of the stand-in."""

    def __init__(self, *, setup: bool) -> None:
        self.token = secrets.token_urlsafe(9)
        self.setup = setup
        self.only_me = False
        self.name, self.passphrase = "Ada", "correct horse battery"
        self.cookies: set[str] = set()
        self.csrf = secrets.token_urlsafe(12)
        self.chats: dict[str, dict[str, Any]] = {}
        self.turns: dict[str, dict[str, Any]] = {}
        self.events: dict[str, list[tuple[str, dict[str, Any]]]] = {}
        self.clients: dict[str, str] = {}
        self.moved = asyncio.Condition()
        self.tasks: set[asyncio.Task[None]] = set()
        self.documents: dict[str, dict[str, Any]] = {}
        self.keys: dict[str, dict[str, Any]] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.egress: list[dict[str, Any]] = []
        self.offline = False
        self.last_body: Any = None
        self.models = [
            _model(
                "qwen3-8b-q4", "llama_server", resident=True, size=5_030_000_000, source="Ollama"
            ),
            _model(
                "freehold-tiny-demo", "llama_server", size=968_000, source="built in", demo=True
            ),
            _model("freehold/reading-room", "reading_room", source="built in"),
        ]
        self.default = "qwen3-8b-q4"

    def seed(self) -> None:
        """Two documents, and a few chats to look at."""
        self.document("Home", texts.LEASE, "pdf", 214_000, passages=61, pages=14, id="d-lease")
        self.document("Home", texts.RULES, "markdown", 6_200, passages=14, id="d-rules")
        self.document("Home", "Boiler manual.pdf", "pdf", 3_400_000, passages=212, pages=48)
        self.document(
            "Home",
            "Scan 0041.pdf",
            "pdf",
            890_000,
            state="failed",
            reason="no-text",
            note="the 3 pages of this PDF hold pictures and no text",
        )
        self.document("Survey", "Field book 1987.docx", "docx", 88_000, passages=40)
        chat = self.chat("Subletting the flat", pinned=True)
        self.turn(
            chat["id"],
            "What does the lease say about subletting, and do we need to tell the landlord?",
            answer=texts.LEASE_ANSWER,
            state="done",
            sources=_sources(),
            citations=texts.CITATIONS,
        )
        for index, question in enumerate(texts.SEED_QUESTIONS):
            other = self.chat(question.rstrip("?."))
            other["updated_at"] -= 86_400 * (index + 1) * 2
            self.turn(other["id"], question, answer=texts.SEED_ANSWER, state="done")

    def chat(
        self, title: str = "", *, pinned: bool = False, temporary: bool = False
    ) -> dict[str, Any]:
        chat = {
            "id": f"c-{secrets.token_hex(5)}",
            "title": title or "New chat",
            "updated_at": time.time(),
            "turns": 0,
            "pinned": pinned,
            "snippet": "",
            "temporary": temporary,
        }
        self.chats[chat["id"]] = chat
        return chat

    def turn(self, chat_id: str, question: str, **more: Any) -> dict[str, Any]:
        turn = {
            "id": f"t-{secrets.token_hex(6)}",
            "chat_id": chat_id,
            "parent_id": None,
            "question": question,
            "answer": "",
            "state": "queued",
            "model": self.default,
            "collections": [],
            "created_at": time.time(),
            "finished_at": None,
            "refused": False,
            "sources": [],
            "citations": [],
            "prompt_tokens": 0,
            "completion_tokens": 0,
            "first_token_ms": None,
            "duration_ms": None,
            "tokens_per_s": None,
            "error": None,
            "last_event": 0,
        }
        turn.update(more)
        if turn["state"] in FINAL:
            turn.update(
                finished_at=time.time(),
                prompt_tokens=640,
                completion_tokens=412,
                first_token_ms=900,
                duration_ms=11_800,
                tokens_per_s=38.0,
            )
        self.turns[turn["id"]] = turn
        self.events[turn["id"]] = []
        chat = self.chats[chat_id]
        chat["turns"] += 1
        chat["updated_at"] = time.time()
        return turn

    def document(
        self, collection: str, file: str, kind: str, size: int, **more: Any
    ) -> dict[str, Any]:
        document = {
            "id": f"d-{secrets.token_hex(5)}",
            "collection": collection,
            "file": file,
            "kind": kind,
            "bytes": size,
            "passages": 0,
            "state": "indexed",
            "reason": "",
            "note": "",
            "pages": None,
            "added_at": time.time(),
            "meaning_done": True,
        }
        document.update(more)
        self.documents[document["id"]] = document
        return document

    async def emit(self, turn: dict[str, Any], kind: str, **payload: Any) -> None:
        events = self.events[turn["id"]]
        if kind in FINAL:
            turn.update(state=kind, finished_at=time.time(), last_event=len(events) + 1)
            payload = {"turn": dict(turn)}
        events.append((kind, payload))
        turn["last_event"] = len(events)
        async with self.moved:
            self.moved.notify_all()

    def start(self, turn: dict[str, Any]) -> None:
        task = asyncio.get_running_loop().create_task(self.answer(turn))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def answer(self, turn: dict[str, Any]) -> None:
        """Run one turn by the words of its question."""
        words = turn["question"].lower().split()
        await self.emit(turn, "queued")
        if "load" in words:
            await self.emit(turn, "loading", model=turn["model"])
            await asyncio.sleep(1.2)
        await asyncio.sleep(0.05)
        grounded = not {"fast", "markdown", "plain"} & set(words)
        if grounded:
            await self.emit(turn, "retrieving")
            await asyncio.sleep(0.1)
            turn["sources"] = _sources()
            await self.emit(turn, "sources", sources=turn["sources"])
        pieces, rate = _script(words)
        turn["state"] = "writing"
        began = time.monotonic()
        turn["first_token_ms"] = 240
        for index, piece in enumerate(pieces):
            due = began + index / rate
            if due - time.monotonic() > 0.002:
                await asyncio.sleep(due - time.monotonic())
            if turn["state"] != "writing":
                return
            turn["answer"] += piece
            turn["completion_tokens"] = index + 1
            if "fail" in words and index == 6:
                turn["error"] = {
                    "code": "FH-ENGINE-003",
                    "title": "the model stopped in the middle of its answer",
                    "where": "qwen3-8b-q4",
                    "fix": "ask again; if it repeats, read: freehold logs",
                }
                await self.emit(turn, "failed")
                return
            if "cut" in words and index == 8:
                turn["state"] = "cut"
                async with self.moved:
                    self.moved.notify_all()
                return
            await self.emit(turn, "text", t=piece)
        if grounded and "refuse" not in words:
            turn["citations"] = texts.CITATIONS
            await self.emit(turn, "citations", citations=texts.CITATIONS)
        turn["refused"] = "refuse" in words
        took = max(time.monotonic() - began, 0.001)
        turn.update(
            prompt_tokens=640, duration_ms=round(took * 1000), tokens_per_s=len(pieces) / took
        )
        await self.emit(turn, "done")


def _script(words: list[str]) -> tuple[list[str], float]:
    if "fast" in words:
        counts = [int(w) for w in words if w.isdigit()]
        return texts.long_tokens(counts[0] if counts else 8000), 400.0
    rate = 12.0 if "slow" in words else 120.0
    if "refuse" in words:
        return texts.tokens(texts.REFUSED), rate
    if "markdown" in words:
        return texts.tokens(texts.KITCHEN), rate
    if "room" in words:
        return texts.tokens(texts.ROOM), rate
    return texts.tokens(texts.LEASE_ANSWER), rate


def _sources() -> list[dict[str, Any]]:
    return [{"number": index + 1, **passage} for index, passage in enumerate(texts.PASSAGES)]


def _model(name: str, engine: str, **more: Any) -> dict[str, Any]:
    model = {
        "name": name,
        "engine": engine,
        "kind": "chat",
        "resident": False,
        "bytes": more.pop("size", 0),
        "source": "",
        "context_tokens": 32_768,
        "demo": False,
    }
    return model | more


def build(house: House, assets: Assets) -> Starlette:
    """The application over `house`."""
    import stand_in_routes  # noqa: PLC0415  the routes need this module's names first

    async def shell(_: Request) -> Response:
        page = assets.shell()
        return Response(page.body, media_type=page.content_type, headers=dict(HEADERS))

    async def static(request: Request) -> Response:
        asset = assets.get(request.path_params["path"])
        if asset is None:
            return JSONResponse({"title": "no such file", "status": 404}, status_code=404)
        headers = {**HEADERS, "ETag": asset.etag, "Cache-Control": "no-cache"}
        if asset.immutable:
            headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return Response(asset.body, headers={**headers, "Content-Type": asset.content_type})

    routes = [
        Route("/", shell),
        Route("/static/{path:path}", static),
        *stand_in_routes.routes(house),
    ]

    async def problem(_: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        card = {
            "type": "about:blank",
            "code": error.code,
            "title": error.title,
            "status": error.status,
        }
        return JSONResponse(
            {**card, "where": "", "fix": error.fix},
            status_code=error.status,
            media_type="application/problem+json",
        )

    return Starlette(routes=routes, exception_handlers={Problem: problem})


class Fresh:
    """Assets read again for each shell, so that a developer sees an edit on reload."""

    def __init__(self) -> None:
        self.now = Assets.load()

    def shell(self) -> Any:
        self.now = Assets.load()
        return self.now.shell()

    def get(self, path: str) -> Any:
        return self.now.get(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument(
        "--setup", action="store_true", help="start as a house that was never set up"
    )
    chosen = parser.parse_args()
    listener = socket.create_server(("127.0.0.1", chosen.port))

    async def serve() -> None:
        house = House(setup=chosen.setup)
        if not chosen.setup:
            house.seed()
        config = uvicorn.Config(
            build(house, Fresh()),
            log_level="warning",
            ws="none",
            lifespan="off",  # type: ignore[arg-type]
            timeout_graceful_shutdown=1,
        )
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        print(json.dumps({"url": url, "token": house.token}), flush=True)
        await uvicorn.Server(config).serve(sockets=[listener])

    asyncio.run(serve())


__all__ = ["FINAL", "V1", "House", "Problem", "StreamingResponse", "build"]

if __name__ == "__main__":
    sys.modules["stand_in"] = sys.modules["__main__"]
    main()
