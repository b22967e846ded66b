"""A causal map from its name and configuration."""

from __future__ import annotations

from typing import Any

from arlearn.errors import ArlearnError
from arlearn.kernels.base import CausalMap
from arlearn.kernels.blocks import BlocksMap
from arlearn.kernels.packed import PackedMap
from arlearn.kernels.shift import ShiftMap

MAPS: dict[str, type[CausalMap]] = {kind.kind: kind for kind in (PackedMap, BlocksMap, ShiftMap)}


def build_map(kind: str, configuration: dict[str, Any]) -> CausalMap:
    """A map of this kind and shape, its weights zero. Raises ArlearnError if kind or configuration make no sense."""
    if kind not in MAPS:
        raise ArlearnError(f"there is no causal map {kind!r}; the maps are {', '.join(sorted(MAPS))}")
    try:
        return MAPS[kind].from_configuration(configuration)
    except (TypeError, ValueError) as error:
        raise ArlearnError(f"the configuration of the {kind} map makes no sense: {error}") from error
