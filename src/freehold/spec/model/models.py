"""The section `models`: which language model answers, and how it runs."""

import msgspec


class Models(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How language models run."""

    default: str = ""
    """Name of the model that answers when none is named; without it the house chooses."""
    threads: int = 0
    """Processor threads for a model the house runs itself; `0` uses the machine's cores."""
    context: int = 8192
    """Tokens a model the house runs itself can read at once, where the model allows as many."""
    hub: str = "https://huggingface.co"
    """Where `freehold models pull` fetches from."""
