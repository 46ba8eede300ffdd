"""Collects readings from the gauges and hands them to the store."""

import asyncio

RETRY_DELAYS = (2, 5, 15, 60)
SILENT_AFTER = 15 * 60


class Collector:
    """Asks every gauge in turn; one that does not answer never holds up the others."""

    def __init__(self, gauges, store, alarm):
        self.gauges = gauges
        self.store = store
        self.alarm = alarm
        self.last_heard = {}

    async def run(self, every=300):
        """Poll for ever. A round that takes longer than `every` seconds delays the next one."""
        while True:
            await asyncio.gather(*(self.poll(gauge) for gauge in self.gauges))
            await asyncio.sleep(every)

    async def poll(self, gauge):
        """Read one gauge, trying again with growing pauses before giving up for this round."""
        for delay in RETRY_DELAYS:
            try:
                reading = await gauge.read()
            except ConnectionError:
                await asyncio.sleep(delay)
                continue
            if reading.is_plausible():
                self.last_heard[gauge.name] = reading.at
                await self.store.append(gauge.name, reading)
                await self.alarm.consider(gauge.name, reading)
            return
        self.note_silence(gauge)

    def note_silence(self, gauge):
        """Mark a gauge as silent so that the page shows it in grey."""
        self.store.mark_silent(gauge.name, SILENT_AFTER)


def median_of_three(values):
    """Smooth single spikes: waves of passing ships lift the float by up to 20 cm."""
    return [sorted(values[i - 1:i + 2])[1] for i in range(1, len(values) - 1)]
