"""A model server of the OpenAI dialect: vLLM, LM Studio or llama-server, by its small habits.

Written from the OpenAI API reference (chat completions, embeddings), vLLM's "OpenAI-Compatible
Server" (`owned_by: vllm`, `max_model_len`), LM Studio's REST API reference (`/api/v1/models`,
`/api/v0/models`; an unknown path is answered 200 with an error in it) and llama.cpp's
tools/server/README.md together with answers recorded from a real llama-server.

`python -m fakes.openai_server --flavour vllm --port 8000 --cut-after 3` serves by hand.
"""

import asyncio
import base64
import hashlib
import json
import struct
from dataclasses import dataclass
from typing import Any, Literal

from fakes.upstream import Faults, Out, Seen, Upstream, read_flags, serve

Flavour = Literal["vllm", "lm-studio", "llama-server"]
CONTEXT = 4096
WORDS = ("one", " two", " three", " ünïcode", " 😀", " end")


@dataclass
class OpenAIServer(Upstream):
    """Answers with `WORDS`, or with a tool call when tools are offered and `call` is asked."""

    flavour: Flavour = "vllm"
    key: str = ""
    old_lists: bool = False
    """An LM Studio from before 0.4."""

    async def answer(self, request: Seen, out: Out) -> None:
        if self.key and request.headers.get("authorization") != f"Bearer {self.key}":
            error = {"message": "Invalid API Key", "type": "authentication_error", "code": 401}
            await out.json(401, {"error": error})
        elif request.path == "/v1/models":
            await out.json(200, {"object": "list", "data": self._models()})
        elif request.path == "/v1/chat/completions":
            await self._chat(request, out)
        elif request.path == "/v1/embeddings":
            await self._embed(request, out)
        elif self.flavour == "lm-studio":
            await self._lm_studio(request, out)
        else:
            await out.json(404, {"error": {"message": "Not Found", "code": 404}})

    def _models(self) -> list[dict[str, Any]]:
        if self.flavour == "vllm":
            return [
                {
                    "id": "org/Tiny-Chat",
                    "object": "model",
                    "created": 1,
                    "owned_by": "vllm",
                    "root": "org/Tiny-Chat",
                    "parent": None,
                    "max_model_len": CONTEXT,
                    "permission": [{"id": "modelperm-1", "allow_view": True}],
                }
            ]
        if self.flavour == "llama-server":
            meta = {"n_vocab": 768, "n_ctx": CONTEXT, "n_ctx_train": 32768, "size": 944640}
            path = "/models/tiny-chat.gguf"
            return [{"id": path, "object": "model", "owned_by": "llamacpp", "meta": meta}]
        return [{"id": "tiny-chat", "object": "model", "owned_by": "organization_owner"}]

    async def _lm_studio(self, request: Seen, out: Out) -> None:
        if request.path == "/api/v1/models" and not self.old_lists:
            new = [
                {
                    "type": kind,
                    "publisher": "someone",
                    "key": name,
                    "display_name": name,
                    "quantization": {"name": "Q4_K_M", "bits_per_weight": 4},
                    "size_bytes": 123456,
                    "params_string": None,
                    "loaded_instances": [],
                    "max_context_length": CONTEXT,
                    "format": "gguf",
                }
                for kind, name in (("llm", "tiny-chat"), ("embedding", "text-embedding-nomic"))
            ]
            await out.json(200, {"models": new})
        elif request.path == "/api/v0/models":
            old = [
                {"id": name, "object": "model", "type": kind, "max_context_length": CONTEXT}
                for kind, name in (("vlm", "tiny-chat"), ("embeddings", "text-embedding-nomic"))
            ]
            await out.json(200, {"object": "list", "data": old})
        else:
            words = f"Unexpected endpoint or method. ({request.method} {request.path})"
            await out.json(200, {"error": words})

    async def _chat(self, request: Seen, out: Out) -> None:
        asked = request.body
        prompt = " ".join(str(message["content"]) for message in asked["messages"])
        if len(prompt.split()) > CONTEXT:
            await out.json(400, {"error": self._too_long(len(prompt.split()))})
            return
        pieces = [
            _event(choices=[_choice({"role": "assistant", "content": ""})]),
            *(_event(choices=[_choice(delta)]) for delta in self._deltas(asked, prompt)),
            _event(choices=[_choice({}, finish="tool_calls" if _wants_call(asked) else "stop")]),
        ]
        usage = {"prompt_tokens": len(prompt.split()), "completion_tokens": len(WORDS)}
        if asked.get("stream_options", {}).get("include_usage"):
            pieces.append(_event(choices=[], usage=usage))
        error = _event(
            error={"message": "CUDA out of\nmemory", "type": "server_error", "code": 500}
        )
        if self.faults.no_end:
            pieces = pieces[:-2]
        await out.stream(
            pieces,
            "text/event-stream",
            b"data: [DONE]\n\n",
            error,
            b'data: {"choices": [{"del\n\n',
        )

    def _deltas(self, asked: dict[str, Any], prompt: str) -> list[dict[str, Any]]:
        if not _wants_call(asked):
            thought = [{"reasoning_content": "hm"}] if "think" in prompt else []
            return thought + [{"content": word} for word in WORDS]
        name = asked["tools"][0]["function"]["name"]
        opening = {"id": "c1", "type": "function", "function": {"name": name, "arguments": ""}}
        second = {"id": "c2", "type": "function", "function": {"name": name, "arguments": ""}}
        return [
            {"tool_calls": [{"index": 0, **opening}]},
            {"tool_calls": [{"index": 0, "function": {"arguments": '{"city":'}}]},
            {"tool_calls": [{"index": 0, "function": {"arguments": ' "Ulm"}'}}]},
            {"tool_calls": [{"index": 1, **second}]},
            {"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]},
        ]

    def _too_long(self, tokens: int) -> dict[str, Any]:
        if self.flavour == "llama-server":
            words = (
                f"request ({tokens} tokens) exceeds the available context size ({CONTEXT} tokens)"
            )
            kind = "exceed_context_size_error"
            return {"code": 400, "message": words, "type": kind, "n_ctx": CONTEXT}
        words = f"This model's maximum context length is {CONTEXT} tokens. However, you requested"
        return {"message": f"{words} {tokens} tokens", "type": "BadRequestError", "code": 400}

    async def _embed(self, request: Seen, out: Out) -> None:
        asked = request.body
        texts = asked["input"] if isinstance(asked["input"], list) else [asked["input"]]
        data = [
            {"object": "embedding", "index": place, "embedding": vector_of(text)}
            for place, text in enumerate(texts)
        ]
        if asked.get("encoding_format") == "base64":
            for item in data:
                packed = struct.pack(f"<{len(item['embedding'])}f", *item["embedding"])
                item["embedding"] = base64.b64encode(packed).decode()
        usage = {"prompt_tokens": sum(len(text.split()) for text in texts)}
        await out.json(200, {"object": "list", "data": data[::-1], "usage": usage})


def vector_of(text: str) -> list[float]:
    """Four numbers that stand for a text, not of unit length."""
    return [float(byte) - 100 for byte in hashlib.sha256(text.encode()).digest()[:4]]


def _wants_call(asked: dict[str, Any]) -> bool:
    return bool(asked.get("tools")) and "call" in str(asked["messages"][-1]["content"])


def _choice(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}


def _event(**fields: object) -> bytes:
    lead = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return b"data: " + json.dumps({**lead, **fields}, ensure_ascii=False).encode() + b"\n\n"


if __name__ == "__main__":
    flags, faults = read_flags("A fake model server of the OpenAI dialect.", 8000)
    server = OpenAIServer(faults=faults, port=flags.port, flavour=flags.flavour or "vllm")
    asyncio.run(serve(server))

__all__ = ["CONTEXT", "WORDS", "Faults", "OpenAIServer", "vector_of"]
