"""Where other programs on this machine keep their models."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

SYSTEM_OLLAMA: Final = (
    Path("/usr/share/ollama/.ollama/models"),
    Path("/var/lib/ollama/.ollama/models"),
    Path("/var/lib/ollama/models"),
    Path("/var/snap/ollama/common/models"),
)
"""Where Ollama keeps models when it runs as a service: its own installer's, Arch's, snap's."""


class Caches(msgspec.Struct, frozen=True, kw_only=True):
    """Folders to look into, each for one program's own way to lay out its models."""

    ollama: tuple[Path, ...] = ()
    """Each holds `manifests` and `blobs`."""
    lm_studio: tuple[Path, ...] = ()
    """Each holds `publisher/repository/file.gguf`."""
    jan: tuple[Path, ...] = ()
    """Jan's data folders."""
    hugging_face: tuple[Path, ...] = ()
    """Each holds `models--organisation--repository`."""
    llama_cpp: tuple[Path, ...] = ()
    """Each holds plain GGUF files."""


def usual(home: Path, environment: Mapping[str, str]) -> Caches:
    """The folders those programs use unless told otherwise, and where they were told.

    Sources: Ollama's FAQ ("Where are models stored"), its Linux service, Arch and snap packages;
    LM Studio's and Jan's documentation; `huggingface_hub` (environment variables, cache layout);
    llama.cpp (`LLAMA_CACHE`).

    Args:
        home: the user's home folder.
        environment: the variables those programs listen to, by name; only absolute paths count.
    """

    def said(name: str, below: str = "") -> Path | None:
        value = environment.get(name, "")
        value = str(home / value[2:]) if value.startswith("~/") else value
        return Path(value) / below if value.startswith("/") else None

    cache = said("XDG_CACHE_HOME") or home / ".cache"
    data = said("XDG_DATA_HOME") or home / ".local/share"
    config = said("XDG_CONFIG_HOME") or home / ".config"
    hub = (
        said("HF_HUB_CACHE")
        or said("HUGGINGFACE_HUB_CACHE")
        or said("HF_HOME", "hub")
        or cache / "huggingface/hub"
    )
    jan = said("JAN_DATA_FOLDER")
    return Caches(
        ollama=(
            said("OLLAMA_MODELS") or home / ".ollama/models",
            *SYSTEM_OLLAMA,
        ),
        lm_studio=(home / ".lmstudio/models", cache / "lm-studio/models"),
        jan=(jan,) if jan else (home / "jan", data / "Jan/data", config / "Jan/data"),
        hugging_face=(hub,),
        llama_cpp=(said("LLAMA_CACHE") or cache / "llama.cpp",),
    )
