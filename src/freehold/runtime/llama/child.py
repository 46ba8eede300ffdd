"""Holds one GGUF model in memory and answers for it over HTTP, until standard input ends.

The only file that knows xllamacpp, whose names follow llama.cpp's and change with it: the version
is pinned exactly, and `tests/journeys/test_models_engine.py` is the contract held against it.

Run as `python -m freehold.runtime.llama.child ORDER`, ORDER being a `LoadOrder` as JSON. Prints
one `LoadReply` as its first line; everything else it says goes to standard error. It checks the
file by itself right before llama.cpp sees it: what is wrong is then said in a sentence, and what
checking could not find brings down this process alone.
"""

import importlib
import os
import secrets
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Final, NoReturn

import msgspec

from freehold.core.clock import SystemClock
from freehold.core.errors import ChildFailed, FreeholdError
from freehold.runtime.llama.order import LoadOrder, LoadReply, fit_context
from freehold.runtime.models.gguf import GgufCard, read_card
from freehold.runtime.supervise import leash

_PROMPT_CACHE_MIB: Final = 64
"""Memory for prompts seen before, beside the context itself; llama.cpp would take 8 GiB."""
_ERRORS_ONLY: Final = 1
_SPARE_HTTP_THREADS: Final = 4
"""Beyond one for each slot, so that health and metrics answer while every slot streams."""


def main() -> None:
    """Load, reply, and stay until the house lets go."""
    reply_to = _keep_stdout()
    leash.tie()
    order = msgspec.json.decode(sys.argv[1], type=LoadOrder)
    try:
        server, reply = _load(order)
    except FreeholdError as refused:
        _send(reply_to, LoadReply(error=refused.card()))
        _wait_for_the_end()
    _send(reply_to, reply)
    del reply
    _wait_for_the_end(server)


def _load(order: LoadOrder) -> tuple[object, LoadReply]:
    clock = SystemClock()
    started = clock.now()
    card = read_card(Path(order.path))
    tokens = fit_context(
        order, trained_tokens=card.context_tokens, bytes_per_token=card.cache_bytes_per_token
    )
    llama = _llama()
    key = secrets.token_urlsafe(32)
    parameters = _parameters(llama, order, card, tokens)
    parameters.api_keys = [key]
    try:
        server = llama.Server(parameters)
    except (RuntimeError, ValueError) as error:
        message = f"llama.cpp could not load the model: {error}"
        fix = f"architecture {card.architecture!r} may be newer than this Freehold"
        raise ChildFailed(message, where=order.path, fix=fix) from error
    return server, LoadReply(
        address=server.listening_address,
        key=key,
        load_s=round(clock.now() - started, 3),
        context_tokens=tokens,
    )


def _llama() -> ModuleType:
    """llama.cpp's binding, imported only now so that a machine it cannot run on hears why."""
    try:
        return importlib.import_module("xllamacpp")
    except ImportError as error:
        message = f"llama.cpp cannot run here: {error}"
        fix = "install what is missing (on Debian: apt install libgomp1), or run ./freehold up"
        raise ChildFailed(message, fix=fix) from error


def _parameters(llama: ModuleType, order: LoadOrder, card: GgufCard, tokens: int) -> Any:  # noqa: ANN401 - the binding has no types
    to = llama.CommonParams()
    to.model.path = order.path
    to.n_parallel = order.slots
    to.n_ctx = tokens * order.slots  # llama.cpp splits it over the slots
    to.cpuparams.n_threads = order.threads
    to.cpuparams_batch.n_threads = order.threads
    to.n_threads_http = order.slots + _SPARE_HTTP_THREADS
    to.sleep_idle_seconds = order.sleep_after_s or -1
    to.cache_ram_mib = _PROMPT_CACHE_MIB if order.kind == "chat" else 0
    to.verbosity = _ERRORS_ONLY
    to.offline = True
    to.hostnames = ["127.0.0.1"]
    to.port = 0  # any free one
    to.cors_origins = ""
    to.ui = False
    to.endpoint_metrics = True
    to.endpoint_slots = True
    if order.kind != "chat":
        to.embedding = True
        to.n_batch = to.n_ubatch = to.n_ctx  # one text must fit one batch when it is pooled
        to.pooling_type = llama.llama_pooling_type[_pooling(order, card)]
    return to


def _pooling(order: LoadOrder, card: GgufCard) -> str:
    """The binding's name for how token vectors become one."""
    word = "unspecified"  # llama.cpp takes the file's own
    if order.pooling != "model":
        word = order.pooling
    elif order.kind == "rerank":
        word = "rank"
    elif card.pooling in {"", "none"}:
        word = "mean"
    return f"LLAMA_POOLING_TYPE_{word.upper()}"


def _keep_stdout() -> int:
    """Keep standard output for the reply alone: whatever a library prints goes to the log."""
    kept = os.dup(1)
    os.dup2(2, 1)
    return kept


def _send(reply_to: int, reply: LoadReply) -> None:
    os.write(reply_to, msgspec.json.encode(reply) + b"\n")
    os.close(reply_to)


def _wait_for_the_end(server: object = None) -> NoReturn:
    """Stay until standard input ends, then go at once: there is nothing to put in order."""
    while os.read(0, 4096):
        pass
    os._exit(0 if server is not None else 1)


if __name__ == "__main__":
    main()
