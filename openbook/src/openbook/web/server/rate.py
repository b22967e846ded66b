"""How often one address may ask: a bucket of tokens for each, filled steadily.

A few lines rather than a library: one process, one rule, in memory, and nothing else is needed.
"""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable


class Rate:
    """At most ``per_minute`` in the long run and ``burst`` at once, for each address; 0 per minute: no limit."""

    #: Addresses that are remembered; the ones seen last.
    REMEMBERED = 20_000

    def __init__(self, per_minute: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = per_minute / 60
        self._burst = burst
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, address: str) -> float:
        """Take one token: 0 when there was one, else the seconds until there is."""
        if not self._rate:
            return 0.0
        key, moment = _network(address), self._clock()
        left, then = self._buckets.pop(key, (self._burst, moment))
        left = min(self._burst, left + (moment - then) * self._rate)
        wait = 0.0 if left >= 1 else (1 - left) / self._rate
        self._buckets[key] = (left if wait else left - 1, moment)
        if len(self._buckets) > self.REMEMBERED:
            self._buckets.popitem(last=False)
        return wait


def _network(address: str) -> str:
    """An IPv4 address, or the /64 of an IPv6 address: one household has as many of those as it likes."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((known, 64), strict=False)) if known.version == 6 else address
