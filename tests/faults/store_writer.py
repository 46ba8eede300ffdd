"""Writes through the store's public door and notes what was acknowledged; run by fault tests.

Usage: store_writer.py DATABASE MIGRATIONS ACKS COUNT. Prints `acknowledged=N failed=N`.
"""

import asyncio
import sys
from pathlib import Path

import apsw

from freehold.core.errors import FreeholdError
from freehold.core.log import Log
from freehold.runtime.store.database import Database


async def main(path: Path, migrations: str, acks: Path, count: int) -> None:
    log = Log("writer")
    database = await Database.open(path, migrations, backups=path.parent / "backups", log=log)
    acknowledged = failed = 0
    with acks.open("w", encoding="utf-8", buffering=1) as noted:

        async def write(text: str) -> None:
            nonlocal acknowledged, failed

            def work(connection: apsw.Connection) -> None:
                connection.execute("INSERT INTO t(x) VALUES (?)", (text,))

            try:
                await database.write(work)
            except FreeholdError:
                failed += 1
                await asyncio.sleep(0.02)
            else:
                acknowledged += 1
                noted.write(f"{text}\n")

        for number in range(0, count, 3):
            await asyncio.gather(*(write(f"w{number + part}") for part in range(3)))
    await database.close()
    print(f"acknowledged={acknowledged} failed={failed}")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])))
