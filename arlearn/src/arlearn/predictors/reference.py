"""Checkpoints of the layout that the paper's public code uses, read into a packed predictor and written back.

Such a checkpoint is a PyTorch state dict of

- ``in_embedding.weight`` (V, d);
- ``linear1.weight`` (T·d, T·d), an ``nn.Linear`` on the sequence flattened position by position, so that its rows
  are outputs and its columns inputs: ``weight[t·d + o, s·d + i]`` goes from input i at s to output o at t;
- ``mask``, which multiplies that weight in each forward pass;
- ``linear1.bias`` (T·d), which the forward pass never adds;
- ``out_embedding.weight`` (V, d) and perhaps ``out_embedding.bias`` (V).

It is read with ``torch.load(weights_only=True)``: no code in the file runs.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from arlearn.errors import ArlearnError
from arlearn.files import replacing
from arlearn.predictors.base import Predictor
from arlearn.predictors.linear import LinearPredictor
from arlearn.predictors.maps.packed import PackedMap

NEEDED = ("in_embedding.weight", "linear1.weight", "out_embedding.weight")
OPTIONAL = ("mask", "linear1.bias", "out_embedding.bias")
PREFIXES = ("module.", "_orig_mod.")  # of DistributedDataParallel and of torch.compile


def read_reference(path: str | Path) -> LinearPredictor:
    """The checkpoint's predictor, packed, with the same logits.

    Raises ArlearnError if the file cannot be read, is no state dict of this layout, or is not causal.
    """
    path = Path(path)
    state = _named(path, _load(path))
    embedding, mixing, head = (state[name] for name in NEEDED)
    vocabulary, width = _two(path, "in_embedding.weight", embedding)
    size, columns = _two(path, "linear1.weight", mixing)
    if size != columns or size % width:
        raise ArlearnError(
            f"{path}: linear1.weight is {size} x {columns}; at width {width} it must be square, a multiple of {width}"
        )
    if tuple(head.shape) != (vocabulary, width):
        raise ArlearnError(f"{path}: out_embedding.weight is {tuple(head.shape)}, not {(vocabulary, width)}")
    for name, tensor in state.items():
        if name != "mask" and not bool(torch.isfinite(tensor).all()):
            raise ArlearnError(f"{path}: {name} holds values that are not finite")
    bias = state.get("out_embedding.bias")
    map = PackedMap(size // width, width, width)
    mask = _mask(path, state.get("mask"), size, width)
    with torch.no_grad():
        for t in range(map.context):
            rows = slice(t * width, (t + 1) * width)
            reached = mixing[rows].float()
            if mask is not None:
                reached = reached * mask[rows].float()
            if bool(reached[:, (t + 1) * width :].any()) and mask is not None:
                raise ArlearnError(f"{path}: its mask lets position {t} see later positions, so it is not causal")
            for s in range(t + 1):
                block = map.block(t, s)
                assert block is not None
                block.copy_(reached[:, s * width : (s + 1) * width])
    return LinearPredictor(embedding.float(), map, head.float(), None if bias is None else bias.float())


def write_reference(predictor: Predictor, path: str | Path) -> None:
    """Write a packed linear predictor as such a checkpoint. Needs (T·d)² * 8 bytes of memory.

    Raises ArlearnError if the predictor is of another kind, or the file cannot be written.
    """
    path = Path(path)
    if not isinstance(predictor, LinearPredictor) or not isinstance(predictor.map, PackedMap):
        raise ArlearnError("only a linear predictor with a packed map has a form in the reference layout")
    map = predictor.map
    if map.inputs != map.outputs:
        raise ArlearnError(f"the reference layout has one width; this map goes from {map.inputs} to {map.outputs}")
    size, width = map.context * map.inputs, map.inputs
    mixing = torch.zeros(size, size)
    with torch.no_grad():
        for t in range(map.context):
            for s in range(t + 1):
                block = map.block(t, s)
                assert block is not None
                mixing[t * width : (t + 1) * width, s * width : (s + 1) * width] = block
    position = torch.arange(map.context).repeat_interleave(width)
    state = {
        "in_embedding.weight": predictor.embedding.detach().cpu(),
        "linear1.weight": mixing,
        "linear1.bias": torch.zeros(size),
        "out_embedding.weight": predictor.head.detach().cpu(),
        "mask": (position[:, None] >= position[None, :]).float(),
    }
    if predictor.head_bias is not None:
        state["out_embedding.bias"] = predictor.head_bias.detach().cpu()
    try:
        with replacing(path) as beside:
            torch.save(state, beside)
    except RuntimeError as error:  # torch reports a full disk as RuntimeError
        raise ArlearnError(f"cannot write {path}: {error}") from error


def _load(path: Path) -> Any:
    if not path.is_file():
        raise ArlearnError(f"there is no checkpoint {path}" if not path.exists() else f"{path} is not a file")
    if not os.access(path, os.R_OK):
        raise ArlearnError(f"no permission to read {path}")
    try:
        try:
            return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        except RuntimeError:  # the format before PyTorch 1.6 cannot be memory-mapped
            return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError, TypeError) as error:
        raise ArlearnError(f"{path} is not a PyTorch checkpoint of plain tensors, or it is damaged") from error


def _named(path: Path, loaded: Any) -> dict[str, Tensor]:
    """The tensors under the layout's names; a checkpoint that wraps its state dict is opened."""
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(loaded, Mapping) and isinstance(loaded.get(key), Mapping):
            loaded = loaded[key]
    if not isinstance(loaded, Mapping):
        raise ArlearnError(f"{path} holds a {type(loaded).__name__}, not a state dict")
    state: dict[str, Tensor] = {}
    for key, value in loaded.items():
        name = str(key)
        for prefix in PREFIXES:
            name = name.removeprefix(prefix)
        if isinstance(value, Tensor):
            state[name] = value
    missing = [name for name in NEEDED if name not in state]
    foreign = sorted(set(state) - set(NEEDED) - set(OPTIONAL))
    if missing or foreign:
        raise ArlearnError(
            f"{path} is not in the reference layout of the linear predictor: "
            f"missing {', '.join(missing) or 'nothing'}; unexpected {', '.join(foreign[:6]) or 'nothing'}"
        )
    return state


def _two(path: Path, name: str, tensor: Tensor) -> tuple[int, int]:
    if tensor.dim() != 2 or not tensor.is_floating_point() or tensor.numel() == 0:
        raise ArlearnError(f"{path}: {name} must be a matrix of floats, got {tensor.dtype} {tuple(tensor.shape)}")
    return tensor.shape[0], tensor.shape[1]


def _mask(path: Path, mask: Tensor | None, size: int, width: int) -> Tensor | None:
    """The mask of linear1.weight; None if the file has none, and then the causal one is meant."""
    if mask is None or tuple(mask.shape) == (size, size):
        return mask
    context = size // width
    if tuple(mask.shape) == (context, context):
        return mask.repeat_interleave(width, 0).repeat_interleave(width, 1)
    raise ArlearnError(f"{path}: the mask is {tuple(mask.shape)}, not {(size, size)}")
