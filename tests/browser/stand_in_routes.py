"""The stand-in's routes: each as the house's API contract words it."""

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator
from typing import Any

import stand_in_texts as texts
from stand_in import FINAL, V1, House, Problem
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

COOKIE = "freehold_session"


def routes(house: House) -> list[Route]:
    """Every route of `/freehold/v1`, and `/stand-in/…` for tests to pull strings."""
    doors = [*_people(house), *_chats(house), *_turns(house), *_documents(house), *_shelf(house)]
    return [*doors, *_strings(house)]


def _guard(house: House, request: Request) -> None:
    if house.offline:
        raise Problem(503, "FH-HOUSE-001", "the house is stopping")
    if request.cookies.get(COOKIE) not in house.cookies:
        raise Problem(401, "FH-CALL-005", "you are not signed in", "sign in and try again")
    if request.method != "GET" and request.headers.get("x-freehold-csrf") != house.csrf:
        raise Problem(
            403, "FH-CALL-006", "the request does not carry this session's mark", "reload"
        )


def _people(house: House) -> list[Route]:
    def session(*, signed_in: bool) -> dict[str, Any]:
        state = "setup" if house.setup else "signed-in" if signed_in else "signed-out"
        return {
            "state": state,
            "user": {"id": "u-1", "name": house.name, "role": "admin"} if signed_in else None,
            "csrf": house.csrf if signed_in else "",
            "only_me": house.only_me,
            "house": {"name": "ark-01", "version": "0.1.0"},
        }

    def open_door() -> Response:
        answer = JSONResponse(session(signed_in=True))
        cookie = secrets.token_urlsafe(12)
        house.cookies.add(cookie)
        answer.set_cookie(COOKIE, cookie, httponly=True, samesite="strict")
        return answer

    async def read(request: Request) -> Response:
        return JSONResponse(session(signed_in=request.cookies.get(COOKIE) in house.cookies))

    async def setup(request: Request) -> Response:
        body = await request.json()
        if body.get("token") != house.token:
            raise Problem(
                401,
                "FH-CALL-005",
                "this set-up token is not the one the house printed",
                "copy it again from the terminal",
            )
        if not body.get("only_me"):
            if len(body.get("passphrase", "")) < 8:
                raise Problem(422, "FH-CALL-002", "the passphrase has fewer than 8 characters")
            house.name, house.passphrase = body["name"], body["passphrase"]
        house.setup, house.only_me = False, bool(body.get("only_me"))
        return open_door()

    async def sign_in(request: Request) -> Response:
        body = await request.json()
        if (body.get("name"), body.get("passphrase")) != (house.name, house.passphrase):
            raise Problem(401, "FH-CALL-005", "the name or the passphrase is wrong")
        return open_door()

    async def sign_out(request: Request) -> Response:
        house.cookies.discard(request.cookies.get(COOKIE, ""))
        return Response(status_code=204)

    async def machine(_: Request) -> Response:
        return JSONResponse(
            {
                "cpu": {"model": "AMD Ryzen 7 5700G", "cores": 8},
                "memory_bytes": 33_500_000_000,
                "memory_free_bytes": 21_400_000_000,
                "gpus": [],
                "disk": {"kind": "ssd", "free_bytes": 412_000_000_000},
                "found_models": [{"name": "qwen3:8b", "bytes": 5_030_000_000, "source": "Ollama"}],
                "servers": [
                    {"engine": "ollama", "url": "http://127.0.0.1:11434", "models": ["qwen3:8b"]}
                ],
            }
        )

    async def status(request: Request) -> Response:
        _guard(house, request)
        return JSONResponse(
            {
                "state": "ok",
                "version": "0.1.0",
                "uptime_s": 420,
                "children": [{"name": "bus", "pid": 4242, "state": "ready", "restarts": 0}],
                "egress": {"bytes": sum(e["bytes"] for e in house.egress), "by": house.egress},
                "classes": {"chat": "ok", "embed": "ok", "documents": "ok"},
                "meaning": {"state": "on", "done": 327, "total": 327, "reason": ""},
            }
        )

    return [
        Route(f"{V1}/session", read),
        Route(f"{V1}/machine", machine),
        Route(f"{V1}/status", status),
        Route(f"{V1}/setup", setup, methods=["POST"]),
        Route(f"{V1}/sign-in", sign_in, methods=["POST"]),
        Route(f"{V1}/sign-out", sign_out, methods=["POST"]),
    ]


def _chats(house: House) -> list[Route]:
    async def ls(request: Request) -> Response:
        _guard(house, request)
        query = request.query_params.get("query", "").lower()
        rows = []
        for chat in house.chats.values():
            if chat["temporary"]:
                continue
            row = dict(chat)
            if query:
                texts_ = [
                    t["question"] + " " + t["answer"]
                    for t in house.turns.values()
                    if t["chat_id"] == chat["id"]
                ]
                hit = next((t for t in [chat["title"], *texts_] if query in t.lower()), None)
                if hit is None:
                    continue
                at = hit.lower().index(query)
                end = at + len(query)
                row["snippet"] = f"{hit[max(0, at - 30) : at]}‹{hit[at:end]}›{hit[end : end + 50]}"
            rows.append(row)
        rows.sort(key=lambda c: (not c["pinned"], -c["updated_at"]))
        return JSONResponse({"chats": rows[:200], "next": None})

    async def new(request: Request) -> Response:
        _guard(house, request)
        body = await request.json()
        return JSONResponse(house.chat(temporary=bool(body.get("temporary"))), status_code=201)

    async def one(request: Request) -> Response:
        _guard(house, request)
        chat = house.chats.get(request.path_params["id"])
        if chat is None:
            raise Problem(404, "FH-CALL-003", "there is no such chat", "it may have been deleted")
        if request.method == "DELETE":
            del house.chats[chat["id"]]
            return Response(status_code=204)
        if request.method == "PATCH":
            chat.update(await request.json())
            return JSONResponse(chat)
        turns = [t for t in house.turns.values() if t["chat_id"] == chat["id"]]
        return JSONResponse({"chat": chat, "turns": turns})

    return [
        Route(f"{V1}/chats", ls),
        Route(f"{V1}/chats", new, methods=["POST"]),
        Route(f"{V1}/chats/{{id}}", one, methods=["GET", "PATCH", "DELETE"]),
    ]


def _turns(house: House) -> list[Route]:
    def find(request: Request) -> dict[str, Any]:
        _guard(house, request)
        turn = house.turns.get(request.path_params["id"])
        if turn is None:
            raise Problem(404, "FH-CALL-003", "there is no such turn")
        return turn

    async def new(request: Request) -> Response:
        _guard(house, request)
        body = await request.json()
        house.last_body = body
        if not isinstance(body.get("model", ""), str):
            raise Problem(422, "FH-CALL-002", "a model is a name")
        known = house.clients.get(body["client_id"])
        if known:
            return JSONResponse(house.turns[known], status_code=202)
        chat = house.chats[request.path_params["id"]]
        if chat["title"] == "New chat":
            chat["title"] = body["text"][:48]
        turn = house.turn(
            chat["id"],
            body["text"],
            parent_id=body.get("parent_id"),
            model=body.get("model") or house.default,
        )
        house.clients[body["client_id"]] = turn["id"]
        house.start(turn)
        return JSONResponse(turn, status_code=202)

    async def again(request: Request) -> Response:
        old = find(request)
        turn = house.turn(
            old["chat_id"], old["question"].replace("cut", "plain"), parent_id=old["parent_id"]
        )
        house.start(turn)
        return JSONResponse(turn, status_code=202)

    async def stop(request: Request) -> Response:
        turn = find(request)
        if turn["state"] not in FINAL:
            await house.emit(turn, "stopped")
        return JSONResponse(turn)

    async def one(request: Request) -> Response:
        return JSONResponse(find(request))

    async def events(request: Request) -> Response:
        turn = find(request)
        after = int(request.query_params.get("after", "0"))
        drop = 7 if "drop" in turn["question"].lower().split() else 0

        async def stream() -> AsyncIterator[str]:
            at = sent = after
            log = house.events[turn["id"]]
            while not house.offline:
                batch = log[at:]
                for kind, payload in batch:
                    at += 1
                    yield f"id: {at}\nevent: {kind}\ndata: {json.dumps(payload)}\n\n"
                    if kind in FINAL or (drop and at - sent >= drop):
                        return
                if turn["state"] == "cut":
                    return
                async with house.moved:
                    if at == len(log) and turn["state"] != "cut":
                        try:
                            await asyncio.wait_for(house.moved.wait(), 15)
                        except TimeoutError:
                            yield ": still here\n\n"

        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(stream(), media_type="text/event-stream", headers=headers)

    return [
        Route(f"{V1}/chats/{{id}}/turns", new, methods=["POST"]),
        Route(f"{V1}/turns/{{id}}/again", again, methods=["POST"]),
        Route(f"{V1}/turns/{{id}}/stop", stop, methods=["POST"]),
        Route(f"{V1}/turns/{{id}}/events", events),
        Route(f"{V1}/turns/{{id}}", one),
    ]


def _documents(house: House) -> list[Route]:
    def gather() -> list[dict[str, Any]]:
        rows: dict[str, dict[str, Any]] = {}
        for doc in house.documents.values():
            row = rows.setdefault(
                doc["collection"],
                {"name": doc["collection"], "files": 0, "passages": 0, "bytes": 0},
            )
            row["files"] += 1
            row["passages"] += doc["passages"]
            row["bytes"] += doc["bytes"]
        return sorted(rows.values(), key=lambda c: c["name"])

    async def collections(request: Request) -> Response:
        _guard(house, request)
        total = sum(d["passages"] for d in house.documents.values())
        meaning = {"state": "on", "done": total, "total": total, "reason": ""}
        return JSONResponse({"collections": gather(), "meaning": meaning})

    async def ls(request: Request) -> Response:
        _guard(house, request)
        wanted = request.query_params.get("collection")
        rows = [d for d in house.documents.values() if not wanted or d["collection"] == wanted]
        limit = int(request.query_params.get("limit", "200"))
        return JSONResponse({"documents": rows[-limit:], "next": None})

    async def put(request: Request) -> Response:
        _guard(house, request)
        body = await request.body()
        collection, name = request.path_params["c"], request.path_params["file"]
        old = next(
            (
                d
                for d in house.documents.values()
                if (d["collection"], d["file"]) == (collection, name)
            ),
            None,
        )
        if old and old["bytes"] == len(body):
            return JSONResponse({"document": old, "unchanged": True})
        if name.endswith(".exe"):
            raise Problem(415, "FH-READ-001", "this is a program, not a document")
        doc = house.document(
            collection,
            name,
            name.rsplit(".", 1)[-1],
            len(body),
            state="reading",
            meaning_done=False,
        )

        async def read() -> None:
            await asyncio.sleep(0.2)
            if not body:
                doc.update(state="failed", reason="empty", note="the file is empty")
            else:
                doc.update(state="indexed", passages=1 + len(body) // 900, meaning_done=True)

        task = asyncio.get_running_loop().create_task(read())
        house.tasks.add(task)
        task.add_done_callback(house.tasks.discard)
        return JSONResponse({"document": doc, "unchanged": False})

    async def add(request: Request) -> Response:
        _guard(house, request)
        body = await request.json()
        job = {
            "id": secrets.token_hex(4),
            "state": "running",
            "done": 0,
            "total": 12,
            "current": "",
            "result": None,
            "error": None,
        }
        house.jobs[job["id"]] = job

        async def work() -> None:
            for index in range(12):
                job.update(done=index, current=f"{body['paths'][0]}/file-{index}.md")
                async with house.moved:
                    house.moved.notify_all()
                await asyncio.sleep(0.08)
            failed = [{"file": "plan.dwg", "reason": "nothing here can read .dwg files"}]
            job.update(
                state="done",
                done=12,
                result={
                    "files": 11,
                    "passages": 90,
                    "unchanged": 0,
                    "removed": 0,
                    "failed": failed,
                },
            )
            house.document(request.path_params["c"], "file-1.md", "markdown", 900, passages=8)
            async with house.moved:
                house.moved.notify_all()

        task = asyncio.get_running_loop().create_task(work())
        house.tasks.add(task)
        task.add_done_callback(house.tasks.discard)
        return JSONResponse({"job": job["id"]}, status_code=202)

    async def remove(request: Request) -> Response:
        _guard(house, request)
        house.documents.pop(request.path_params["id"], None)
        return Response(status_code=204)

    async def text(request: Request) -> Response:
        _guard(house, request)
        doc = house.documents.get(request.path_params["id"])
        if doc is None:
            raise Problem(
                404, "FH-CALL-003", "there is no such document", "it may have been removed"
            )
        page = request.query_params.get("page")
        parts = [p for p in texts.PASSAGES if p["document_id"] == doc["id"]]
        if page:
            parts = [p for p in parts if p["page"] == int(page)]
        if doc["id"] == "d-rules":
            parts = [
                {
                    "text": f"Rule {n}. The yard is swept on the {n}th.",
                    "page": None,
                    "line": n,
                    "heading": "Yard",
                }
                for n in range(1, 12)
            ] + sorted(parts, key=lambda p: p["line"])
        return JSONResponse(
            {
                "file": doc["file"],
                "kind": doc["kind"],
                "pages": doc["pages"],
                "page": int(page) if page else None,
                "parts": [{k: p[k] for k in ("text", "page", "line", "heading")} for p in parts],
            }
        )

    async def suggestions(request: Request) -> Response:
        _guard(house, request)
        ready = any(d["state"] == "indexed" for d in house.documents.values())
        return JSONResponse({"questions": texts.SUGGESTED if ready else []})

    async def search(request: Request) -> Response:
        _guard(house, request)
        body = await request.json()
        hits = texts.PASSAGES if "zebra" not in body["query"] else []
        return JSONResponse({"hits": hits[: body.get("limit", 10)], "meaning": True})

    return [
        Route(f"{V1}/collections", collections),
        Route(f"{V1}/documents", ls),
        Route(f"{V1}/collections/{{c}}/files/{{file:path}}", put, methods=["PUT"]),
        Route(f"{V1}/collections/{{c}}/add", add, methods=["POST"]),
        Route(f"{V1}/documents/{{id}}", remove, methods=["DELETE"]),
        Route(f"{V1}/suggestions", suggestions),
        Route(f"{V1}/documents/{{id}}/text", text),
        Route(f"{V1}/search", search, methods=["POST"]),
    ]


def _shelf(house: House) -> list[Route]:
    async def models(request: Request) -> Response:
        _guard(house, request)
        if request.method == "GET":
            return JSONResponse({"models": house.models, "default": house.default})
        body = await request.json()
        if not body["path"].endswith(".gguf"):
            raise Problem(
                422,
                "FH-CALL-002",
                "this file is not a GGUF model",
                "give the path of a .gguf file on this machine",
            )
        model = {
            **house.models[0],
            "name": body["path"].rsplit("/", 1)[-1][:-5],
            "resident": False,
            "source": "added",
        }
        house.models.append(model)
        return JSONResponse(model)

    async def pull(request: Request) -> Response:
        _guard(house, request)
        await request.json()
        job = {
            "id": secrets.token_hex(4),
            "state": "failed",
            "done": 0,
            "total": 0,
            "current": "",
            "result": None,
            "error": {
                "code": "FH-ENGINE-001",
                "title": "the hub cannot be reached",
                "where": "",
                "fix": "connect this machine, or add a file",
            },
        }
        house.jobs[job["id"]] = job
        return JSONResponse({"job": job["id"]}, status_code=202)

    async def remove(request: Request) -> Response:
        _guard(house, request)
        house.models = [m for m in house.models if m["name"] != request.path_params["name"]]
        return Response(status_code=204)

    async def job(request: Request) -> Response:
        _guard(house, request)
        return JSONResponse(house.jobs[request.path_params["id"]])

    async def job_events(request: Request) -> Response:
        _guard(house, request)
        job = house.jobs[request.path_params["id"]]

        async def stream() -> AsyncIterator[str]:
            count = 0
            while True:
                count += 1
                kind = "progress" if job["state"] == "running" else "done"
                yield f"id: {count}\nevent: {kind}\ndata: {json.dumps(job)}\n\n"
                if kind == "done":
                    return
                async with house.moved:
                    await house.moved.wait()

        return StreamingResponse(stream(), media_type="text/event-stream")

    async def keys(request: Request) -> Response:
        _guard(house, request)
        if request.method == "GET":
            return JSONResponse({"keys": list(house.keys.values())})
        secret = f"fh_{secrets.token_urlsafe(24)}"
        row = {
            "id": secrets.token_hex(4),
            "name": (await request.json())["name"],
            "prefix": secret[:8],
            "created_at": time.time(),
            "last_used_at": None,
        }
        house.keys[row["id"]] = row
        return JSONResponse({"key": secret, **row}, status_code=201)

    async def revoke(request: Request) -> Response:
        _guard(house, request)
        house.keys.pop(request.path_params["id"], None)
        return Response(status_code=204)

    return [
        Route(f"{V1}/models", models, methods=["GET", "POST"]),
        Route(f"{V1}/models/pull", pull, methods=["POST"]),
        Route(f"{V1}/models/{{name:path}}", remove, methods=["DELETE"]),
        Route(f"{V1}/jobs/{{id}}", job),
        Route(f"{V1}/jobs/{{id}}/events", job_events),
        Route(f"{V1}/keys", keys, methods=["GET", "POST"]),
        Route(f"{V1}/keys/{{id}}", revoke, methods=["DELETE"]),
    ]


def _strings(house: House) -> list[Route]:
    async def pull(request: Request) -> Response:
        """Strings for tests: fill a chat, go offline, let bytes out, take the models away."""
        body = await request.json()
        answer: dict[str, Any] = {}
        if body.get("reset"):
            house.__init__(setup=bool(body.get("setup")))  # type: ignore[misc]
            if not house.setup:
                house.seed()
        if "fill" in body:
            chat = house.chat(body.get("title", "A long chat"))
            parent = None
            for index in range(body["fill"]):
                turn = house.turn(
                    chat["id"],
                    f"Question {index + 1}: which parcels border the river?",
                    answer=f"Answer {index + 1}. {texts.SEED_ANSWER}",
                    state="done",
                    parent_id=parent,
                )
                parent = turn["id"]
            answer["chat"] = chat["id"]
        if "offline" in body:
            house.offline = body["offline"]
            async with house.moved:
                house.moved.notify_all()
        if "egress" in body:
            house.egress = body["egress"]
        if body.get("no_models"):
            house.models = house.models[-1:]
            house.default = "freehold/reading-room"
        if body.get("no_documents"):
            house.documents.clear()
        if body.get("sign_out"):
            house.cookies.clear()
        answer["last_body"] = house.last_body
        answer["token"] = house.token
        answer["turns"] = len(house.turns)
        return JSONResponse(answer)

    return [Route("/stand-in", pull, methods=["POST"])]
