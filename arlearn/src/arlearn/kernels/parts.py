"""The dense pieces that the packed map consists of."""

from __future__ import annotations

from typing import NamedTuple

TILE = 8  # positions of a tile; part of the file format


class Part(NamedTuple):
    """A dense piece of the map: inputs at positions [first, stop) to outputs at positions [to, end)."""

    start: int  # row of the parameter at which it begins
    first: int
    stop: int
    to: int
    end: int
