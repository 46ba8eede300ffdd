"""An Ollama: `/api/tags`, `/api/show`, `/api/chat` as lines of JSON, `/api/embed`.

Written from Ollama's API reference (docs/api.md) and from api/types.go: `truncate` and `shift`
decide whether a conversation that does not fit is cut in silence (the default) or refused.

`python -m fakes.ollama_server --port 11434 --stall-after 2` serves by hand.
"""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from fakes.openai_server import CONTEXT, WORDS, vector_of
from fakes.upstream import Faults, Out, Seen, Upstream, read_flags, serve

TRAINED = 32768
_TOO_LONG = (
    "the prompt is longer than the context length currently available to the model; shorten the "
    "prompt, adjust the context length in settings, or use a model with a longer context length"
)


@dataclass
class OllamaServer(Upstream):
    """Has a chat model, an embedding model, and one that would send everything elsewhere."""

    slow_show: bool = False

    async def answer(self, request: Seen, out: Out) -> None:
        match request.path:
            case "/api/tags":
                await out.json(200, {"models": _tags()})
            case "/api/show":
                await self._show(request, out)
            case "/api/chat":
                await self._chat(request, out)
            case "/api/embed":
                texts = request.body["input"]
                vectors = [vector_of(text) for text in texts]
                await out.json(200, {"model": "m", "embeddings": vectors, "prompt_eval_count": 7})
            case _:
                await out.body(404, b"404 page not found", "text/plain")

    async def _show(self, request: Seen, out: Out) -> None:
        if self.slow_show:
            await out.until_hung_up()
            return
        embeds = "embed" in request.body["model"]
        arch = "nomic-bert" if embeds else "llama"
        info = {"general.architecture": arch, f"{arch}.context_length": TRAINED}
        told = ["embedding"] if embeds else ["completion", "tools"]
        await out.json(200, {"capabilities": told, "model_info": info, "license": "x" * 10000})

    async def _chat(self, request: Seen, out: Out) -> None:
        asked = request.body
        if asked["model"] == "missing":
            await out.json(404, {"error": "model 'missing' not found"})
            return
        words = sum(len(message["content"].split()) for message in asked["messages"])
        fits = words < asked["options"].get("num_ctx", CONTEXT)
        if not fits and asked.get("truncate") is False and asked.get("shift") is False:
            await out.json(400, {"error": _TOO_LONG})
            return
        calls = bool(asked.get("tools")) and "call" in asked["messages"][-1]["content"]
        messages: list[dict[str, Any]] = (
            [{"role": "assistant", "content": "", "tool_calls": _calls(asked)}]
            if calls
            else [{"role": "assistant", "content": word} for word in WORDS]
        )
        counts = {"prompt_eval_count": min(words, CONTEXT), "eval_count": len(WORDS)}
        end = _line(message={"role": "assistant", "content": ""}, done=True, done_reason="stop")
        end = end[:-2] + b", " + json.dumps(counts).encode()[1:] + b"\n"
        await out.stream(
            [_line(message=message, done=False) for message in messages],
            "application/x-ndjson",
            end,
            json.dumps({"error": "an error was encountered\nwhile running the model"}).encode()
            + b"\n",
            b'{"message": {"content": \n',
        )


def _calls(asked: dict[str, Any]) -> list[dict[str, Any]]:
    name = asked["tools"][0]["function"]["name"]
    return [
        {"function": {"name": name, "arguments": {"city": "Ulm"}}},
        {"function": {"name": name, "arguments": {}}},
    ]


def _tags() -> list[dict[str, Any]]:
    def tag(name: str, family: str, **more: object) -> dict[str, Any]:
        details = {"format": "gguf", "family": family, "quantization_level": "Q4_K_M"}
        return {"name": name, "model": name, "size": 123456, "details": details, **more}

    return [
        tag("tiny:latest", "llama"),
        tag("nomic-embed-text:latest", "nomic-bert"),
        tag("gpt-oss:120b-cloud", "gptoss", remote_host="https://ollama.com:443"),
    ]


def _line(**fields: object) -> bytes:
    lead = {"model": "m", "created_at": "2026-11-21T08:00:00.000000Z"}
    return json.dumps({**lead, **fields}, ensure_ascii=False).encode() + b"\n"


if __name__ == "__main__":
    flags, faults = read_flags("A fake Ollama.", 11434)
    asyncio.run(serve(OllamaServer(faults=faults, port=flags.port)))

__all__ = ["TRAINED", "Faults", "OllamaServer"]
