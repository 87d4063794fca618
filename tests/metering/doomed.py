"""A worker that meters without pause until it is killed, and notes on the side what it did: the truth of test_orphans.

python -m tests.metering.doomed JOURNAL_DIRECTORY REDIS_URL NOTES SEED
"""

import asyncio
import os
import random
import sys
from pathlib import Path

from gateway.metering.journal import OpenAttempt
from gateway.metering.meter import Meter
from gateway.store.redis import connect
from tests.metering.making import complete, start

KEYS = 50
"""So many that no partition of the ledger gets more requests than it keeps, however fast the machine."""


async def meter_forever(directory: Path, url: str, notes: int, seed: str) -> None:
    dice = random.Random(seed)
    store = await connect(url)
    meter = await Meter.open(directory, store)
    under_way: list[tuple[str, OpenAttempt]] = []
    number = 0
    while True:
        number += 1
        name = f"{seed}-{number}"
        stream = dice.random() < 0.5
        opened = meter.sent(start(request=name, key=f"key_{number % KEYS}", stream=stream))
        events = dice.randrange(50)
        opened.progress(events)
        os.write(notes, f"sent {name} {events if stream else -1}\n".encode())
        under_way.append((name, opened))
        if len(under_way) > 5:
            name, opened = under_way.pop(dice.randrange(5))
            tokens = dice.randrange(1_000)
            opened.done(complete(input_=1, output=tokens))
            os.write(notes, f"done {name} {tokens}\n".encode())
        if number % 20 == 0:
            await asyncio.sleep(0.001)


if __name__ == "__main__":
    asyncio.run(
        meter_forever(Path(sys.argv[1]), sys.argv[2], os.open(sys.argv[3], os.O_WRONLY | os.O_APPEND), sys.argv[4])
    )
