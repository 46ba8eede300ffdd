"""How much `./freehold` installs, how long that takes, and how fast the command line answers.

Clones the repository to a temporary folder, starts it there, and measures what came of it.
"""

import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RESULTS = Path(__file__).parent / "results"
MOST_PACKAGES = 35
LARGEST_MB = 350
SLOWEST_HELP_S = 0.15
SLOWEST_READY_S = 2.0
HELPS = 21
STARTS = 5


def _size(folder: Path) -> int:
    """Bytes on disk, as `du` counts them."""
    return sum(
        each.lstat().st_blocks * 512
        for each in folder.rglob("*")
        if each.is_file() and not each.is_symlink()
    )


def _timed(command: list[str], environment: dict[str, str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=environment)
    return time.perf_counter() - start


def _children_cpu_s() -> float:
    """Processor time that children have used so far: what a busy machine does not blur."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _starts(freehold: str, environment: dict[str, str]) -> list[float]:
    """Seconds from the command to a house that serves, from its own report, warm."""
    found = []
    for _ in range(STARTS + 1):
        words = [freehold, "up", "--detach", "--port", "0", "--no-open", "--json"]
        done = subprocess.run(words, check=True, capture_output=True, env=environment)
        found.append(json.loads(done.stdout)["data"]["ready_s"])
        subprocess.run([freehold, "down"], check=True, capture_output=True, env=environment)
    return found[1:]


def measure(folder: Path) -> dict[str, float]:
    """Clone, start, count."""
    clone = folder / "freehold"
    subprocess.run(["git", "clone", "-q", f"file://{ROOT}", clone], check=True)
    home = folder / "home"
    environment = {**os.environ, "FREEHOLD_HOME": str(home)}
    freehold = str(clone / "freehold")
    first = _timed([freehold, "--help"], environment)
    before = _children_cpu_s()
    helps = [_timed([freehold, "--help"], environment) for _ in range(HELPS)]
    help_cpu = (_children_cpu_s() - before) / HELPS
    starts = _starts(freehold, environment)
    packages = list((clone / ".venv").glob("lib/python*/site-packages/*.dist-info"))
    return {
        "packages": len(packages),
        "installed_mb": round(_size(clone / ".venv") / 1e6, 1),
        "first_start_s": round(first, 1),
        "help_median_s": round(statistics.median(helps), 3),
        "help_slowest_s": round(max(helps), 3),
        "help_cpu_s": round(help_cpu, 3),
        "ready_median_s": round(statistics.median(starts), 3),
        "ready_slowest_s": round(max(starts), 3),
    }


def main() -> int:
    """Print each bar beside what was measured, and keep the figures."""
    folder = Path(tempfile.mkdtemp(prefix="freehold-bench-"))
    try:
        found = measure(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    rows = [
        ("packages installed", f"<= {MOST_PACKAGES}", f"{found['packages']}"),
        ("installed size without weights", f"<= {LARGEST_MB} MB", f"{found['installed_mb']} MB"),
        ("freehold --help, median, warm", f"<= {SLOWEST_HELP_S} s", f"{found['help_median_s']} s"),
        (
            "ready after a warm up --detach",
            f"<= {SLOWEST_READY_S} s",
            f"{found['ready_median_s']} s",
        ),
        ("freehold --help, processor time", "", f"{found['help_cpu_s']} s"),
        ("first start from a fresh clone", "", f"{found['first_start_s']} s"),
    ]
    for what, bar, measured in rows:
        print(f"{what:<34}{bar:<12}{measured}")
    day = datetime.now(tz=UTC).date().isoformat()
    machine = f"{platform.machine()}-{os.cpu_count()}cores-py{platform.python_version()}"
    RESULTS.mkdir(exist_ok=True)
    load = round(os.getloadavg()[0], 1)
    result = {"date": day, "machine": machine, "load_at_the_end": load, **found}
    (RESULTS / f"{day}-{machine}.json").write_text(json.dumps(result, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
