"""Causal linear maps over positions: which blocks ``W[t, s]`` exist, and which are shared."""

from __future__ import annotations

from typing import Any

from arlearn.errors import ArlearnError
from arlearn.predictors.maps.base import CausalMap
from arlearn.predictors.maps.blocks import BlocksMap, PeriodicMap, ShiftMap
from arlearn.predictors.maps.packed import PackedMap

__all__ = ["MAPS", "BlocksMap", "CausalMap", "PackedMap", "PeriodicMap", "ShiftMap", "build_map"]

MAPS: dict[str, type[CausalMap]] = {kind.kind: kind for kind in (PackedMap, BlocksMap, ShiftMap, PeriodicMap)}


def build_map(kind: str, configuration: dict[str, Any]) -> CausalMap:
    """A map of this kind and shape, its weights zero. Raises ArlearnError if kind or configuration are invalid."""
    if kind not in MAPS:
        raise ArlearnError(f"there is no causal map {kind!r}; the maps are {', '.join(sorted(MAPS))}")
    try:
        return MAPS[kind].from_configuration(configuration)
    except (TypeError, ValueError) as error:
        raise ArlearnError(f"the configuration of the {kind} map is invalid: {error}") from error
