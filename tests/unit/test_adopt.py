"""Models of other programs are found where those programs keep them, and used in place."""

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest

from freehold.core.clock import ManualClock
from freehold.runtime.models.adopt import Adopter, Found
from freehold.spec.caches import Caches, usual

TINY = Path(__file__).parents[2] / "src/freehold/catalog/demo/freehold-tiny-q8_0.gguf"
DIGEST = hashlib.sha256(b"a model").hexdigest()


def put(path: Path, cut: int | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(TINY.read_bytes()[:cut])
    return path


def ollama(root: Path, name: str, digest: str = DIGEST, media: str = "model") -> None:
    path = root / "manifests" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    layers = [
        {"mediaType": "application/vnd.ollama.image.template", "digest": "sha256:" + "1" * 64},
        {"mediaType": f"application/vnd.ollama.image.{media}", "digest": f"sha256:{digest}"},
    ]
    path.write_text(json.dumps({"schemaVersion": 2, "layers": layers}))


def look(**caches: Path) -> Found:
    folders = {name: (path,) for name, path in caches.items()}
    return Adopter(ManualClock()).look(Caches(**folders))


def names(found: Found) -> list[str]:
    return [model.name for model in found.models]


def test_ollamas_models_are_found_by_their_manifests(tmp_path: Path) -> None:
    blob = put(tmp_path / "blobs" / f"sha256-{DIGEST}")
    ollama(tmp_path, "registry.ollama.ai/library/qwen3/8b")
    found = look(ollama=tmp_path)
    (model,) = found.models
    assert (model.name, model.path, model.source) == ("qwen3:8b", blob, "Ollama's cache")
    assert model.card.architecture == "llama"
    assert found.skipped == ()
    assert found.complete


def test_ollamas_names_are_written_as_ollama_writes_them(tmp_path: Path) -> None:
    places = {
        "registry.ollama.ai/ada/mine/latest": "ada/mine:latest",
        "hf.co/org/repo-GGUF/Q4_K_M": "hf.co/org/repo-GGUF:Q4_K_M",
    }
    for place in places:
        digest = hashlib.sha256(place.encode()).hexdigest()
        put(tmp_path / "blobs" / f"sha256-{digest}")
        ollama(tmp_path, place, digest)
    assert sorted(names(look(ollama=tmp_path))) == sorted(places.values())


def test_two_names_for_one_file_are_one_model(tmp_path: Path) -> None:
    put(tmp_path / "blobs" / f"sha256-{DIGEST}")
    for tag in ("8b", "latest"):
        ollama(tmp_path, f"registry.ollama.ai/library/qwen3/{tag}")
    assert names(look(ollama=tmp_path)) == ["qwen3:8b"]


def test_manifests_that_lie_are_reported_or_have_no_weights(tmp_path: Path) -> None:
    ollama(tmp_path, "registry.ollama.ai/library/a/gone")
    ollama(tmp_path, "registry.ollama.ai/library/b/cloud", media="license")
    ollama(tmp_path, "registry.ollama.ai/library/c/climbs", digest="../../../../etc/passwd")
    broken = tmp_path / "manifests/registry.ollama.ai/library/d/broken"
    broken.parent.mkdir(parents=True)
    broken.write_text("{")
    found = look(ollama=tmp_path)
    assert found.models == ()
    assert {(skipped.path.name, skipped.reason) for skipped in found.skipped} == {
        (f"sha256-{DIGEST}", "no such file or directory"),
        ("broken", "is not a manifest"),
    }


def test_lm_studios_models_are_named_by_publisher_and_repository(tmp_path: Path) -> None:
    put(tmp_path / "ada/Tiny-GGUF/Tiny-Q4_K_M.gguf")
    put(tmp_path / "ada/Tiny-GGUF/mmproj-Tiny-f16.gguf")
    put(tmp_path / "ada/Other-GGUF/special.gguf")
    assert names(look(lm_studio=tmp_path)) == [
        "ada/Other-GGUF/special",
        "ada/Tiny-GGUF:Q4_K_M",
    ]


def test_jans_models_are_found_in_its_old_and_its_new_place(tmp_path: Path) -> None:
    put(tmp_path / "models/tinyllama/tinyllama.gguf")
    put(tmp_path / "llamacpp/models/ada/tiny-Q8_0/model.gguf")
    assert names(look(jan=tmp_path)) == ["tinyllama", "ada/tiny-Q8_0"]


def test_the_hubs_cache_links_to_blobs_and_each_is_one_model(tmp_path: Path) -> None:
    repo = tmp_path / "models--ada--Tiny-GGUF"
    blob = put(repo / "blobs/abc")
    for revision in ("r1", "r2"):
        link = repo / "snapshots" / revision / "Tiny-Q8_0.gguf"
        link.parent.mkdir(parents=True)
        link.symlink_to(os.path.relpath(blob, link.parent))
    put(tmp_path / "datasets--ada--x/snapshots/r/not-a-model.gguf")
    found = look(hugging_face=tmp_path)
    assert names(found) == ["ada/Tiny-GGUF:Q8_0"]


def test_a_split_model_is_one_and_its_parts_are_not_models(tmp_path: Path) -> None:
    for part in (1, 2):
        put(tmp_path / f"ada/Big-GGUF/big-Q4_K_M-0000{part}-of-00002.gguf")
    (model,) = look(lm_studio=tmp_path).models
    assert (model.name, model.card.parts) == ("ada/Big-GGUF:Q4_K_M", 2)


def test_files_that_cannot_be_used_are_reported_with_the_reason(tmp_path: Path) -> None:
    put(tmp_path / "a/b/cut.gguf", cut=1000)
    (tmp_path / "a/b/page.gguf").write_text("<html>")
    put(tmp_path / "a/b/big-00001-of-00002.gguf")
    (tmp_path / "a/b/gone.gguf").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "a/b/pipe.gguf")
    found = look(lm_studio=tmp_path)
    assert found.models == ()
    reasons = {skipped.path.name: skipped.reason for skipped in found.skipped}
    assert "cut off" in reasons["cut.gguf"]
    assert "not a GGUF" in reasons["page.gguf"]
    assert "no such file" in reasons["big-00001-of-00002.gguf"]
    assert "no such file" in reasons["gone.gguf"]
    assert "not a file" in reasons["pipe.gguf"]


def test_the_same_name_in_two_programs_gets_a_number(tmp_path: Path) -> None:
    put(tmp_path / "lm/ada/T-GGUF/t-Q8_0.gguf")
    put(tmp_path / "hf/models--ada--T-GGUF/snapshots/r/t-Q8_0.gguf")
    found = look(lm_studio=tmp_path / "lm", hugging_face=tmp_path / "hf")
    assert names(found) == ["ada/T-GGUF:Q8_0", "ada/T-GGUF:Q8_0-2"]


def test_names_are_made_fit_to_type(tmp_path: Path) -> None:
    put(tmp_path / "a name with spaces (copy).gguf")
    assert names(look(llama_cpp=tmp_path)) == ["a-name-with-spaces-copy"]


def test_folders_that_are_not_there_are_no_news(tmp_path: Path) -> None:
    found = Adopter(ManualClock()).look(usual(tmp_path / "nobody", {}))
    assert found.skipped == ()


def test_one_look_takes_only_so_long_and_the_next_gets_further(tmp_path: Path) -> None:
    for number in range(5):
        put(tmp_path / f"m{number}.gguf")
    clock = ManualClock()

    class Slow(ManualClock):
        """Each question for the time takes half a second."""

        def now(self) -> float:  # type: ignore[override]
            self.advance(0.5)
            return super().now()

    first = Adopter(Slow()).look(Caches(llama_cpp=(tmp_path,)))
    assert not first.complete
    assert 0 < len(first.models) < 5
    assert Adopter(clock).look(Caches(llama_cpp=(tmp_path,))).complete


def test_a_header_is_read_once_until_its_file_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path / "m.gguf")
    adopter, caches = Adopter(ManualClock()), Caches(llama_cpp=(tmp_path,))
    assert len(adopter.look(caches).models) == 1
    with monkeypatch.context() as patch:
        patch.setattr("freehold.runtime.models.adopt.read_card", None)
        assert len(adopter.look(caches).models) == 1
    put(path, cut=1000)
    assert "cut off" in adopter.look(caches).skipped[0].reason


def test_nothing_is_written_anywhere(tmp_path: Path) -> None:
    put(tmp_path / "blobs" / f"sha256-{DIGEST}")
    ollama(tmp_path, "registry.ollama.ai/library/qwen3/8b")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    look(ollama=tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_folders_are_where_the_programs_were_told(tmp_path: Path) -> None:
    told = {
        "OLLAMA_MODELS": "/srv/ollama",
        "HF_HOME": "/srv/hf",
        "LLAMA_CACHE": "~/llama",
        "JAN_DATA_FOLDER": "relative/is/ignored",
        "XDG_CACHE_HOME": "/srv/cache",
    }
    caches = usual(tmp_path, told)
    assert caches.ollama[0] == Path("/srv/ollama")
    assert caches.hugging_face == (Path("/srv/hf/hub"),)
    assert caches.llama_cpp == (tmp_path / "llama",)
    assert caches.jan[0] == tmp_path / "jan"
    assert Path("/srv/cache/lm-studio/models") in caches.lm_studio
    assert usual(tmp_path, {}).hugging_face == (tmp_path / ".cache/huggingface/hub",)
    assert usual(tmp_path, {"HF_HUB_CACHE": "/x"}).hugging_face == (Path("/x"),)


def test_a_folder_that_may_not_be_read_is_reported(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    put(tmp_path / "a/b/m.gguf")
    (tmp_path / "a").chmod(0)
    found = look(lm_studio=tmp_path)
    (tmp_path / "a").chmod(0o700)
    assert found.skipped[0].reason == "permission denied"
    shutil.rmtree(tmp_path / "a")
