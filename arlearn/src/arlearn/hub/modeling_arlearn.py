"""Linear and shallow next-token predictors for Hugging Face transformers. Needs torch and transformers, nothing else.

    logits_t = head (f (sum over s <= t of W[t, s] embedding[token_s])) + bias

f is nothing (``kind`` "linear") or ReLU, Linear, ReLU ("mlp"). Which blocks W[t, s] exist says ``map``: "packed" (one for
every pair of positions up to ``context``), "shift" (one for every distance below ``context``; any length), "blocks"
(those listed) or "periodic" (those listed for the first positions and for one period after them; any length). Inference, ``generate`` and gradients work; there is no cache, as a token costs one row of the map. Past
``context`` tokens ``generate`` lets the window slide. Padding on either side is masked out exactly.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import GenerationMixin, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput

TILE = 8  # positions of a tile of the packed layout


class ArlearnConfig(PretrainedConfig):  # type: ignore[misc]
    model_type = "arlearn"

    def __init__(
        self,
        kind: str = "linear",
        map: str = "shift",
        vocab_size: int = 2,
        context: int = 1,
        inputs: int = 1,
        outputs: int = 1,
        head_bias: bool = False,
        blocks: list[list[int]] | None = None,
        start: int = 0,
        period: int = 1,
        reads: list[list[int]] | None = None,
        **more: Any,
    ) -> None:
        self.kind, self.map, self.vocab_size, self.context = kind, map, vocab_size, context
        self.inputs, self.outputs, self.head_bias, self.blocks = inputs, outputs, head_bias, blocks
        self.start, self.period, self.reads = start, period, reads
        self.hidden_size, self.max_position_embeddings, self.num_hidden_layers = outputs, context, 1
        super().__init__(**{"tie_word_embeddings": False, "is_decoder": True, **more})


class PositionMap(nn.Module):
    """``out_t = sum over s <= t of W[t, s] x_s``; the layout of ``weight`` is that of arlearn's maps."""

    def __init__(self, config: ArlearnConfig) -> None:
        super().__init__()
        self.kind, self.context = config.map, config.context
        self.inputs, self.outputs = config.inputs, config.outputs
        self.rows: dict[int, list[tuple[int, int]]] = {}
        for index, (to, source) in enumerate(config.blocks or []):
            self.rows.setdefault(to, []).append((source, index))
        self.start, self.period = config.start, config.period
        for row, distance, index in config.reads or []:
            self.rows.setdefault(row, []).append((distance, index))
        shapes = {
            "packed": (self.context * (self.context + 1) // 2 * self.inputs, self.outputs),
            "shift": (self.context, self.inputs, self.outputs),
            "blocks": (len(config.blocks or []), self.outputs, self.inputs),
            "periodic": (1 + max((index for *_, index in config.reads or []), default=-1), self.outputs, self.inputs),
        }
        if self.kind not in shapes:
            raise ValueError(f"there is no map {self.kind!r}; there are {', '.join(shapes)}")
        self.weight = nn.Parameter(torch.empty(shapes[self.kind]))

    def forward(self, x: Tensor, first: int = 0) -> Tensor:
        """(batch, length, inputs) -> (batch, length - first, outputs): the outputs from position ``first`` on."""
        if self.kind not in ("shift", "periodic") and x.shape[1] > self.context:
            raise ValueError(f"{x.shape[1]} tokens are more than the context of {self.context}")
        outs = [getattr(self, self.kind)(x, position) for position in range(first, x.shape[1])]
        return torch.stack(outs, dim=1)

    def shift(self, x: Tensor, position: int) -> Tensor:
        seen = x[:, max(0, position + 1 - self.context) : position + 1].flip(1)
        return seen.flatten(1) @ self.weight[: seen.shape[1]].flatten(0, 1)

    def blocks(self, x: Tensor, position: int) -> Tensor:
        out = x.new_zeros(x.shape[0], self.outputs)
        for source, index in self.rows.get(position, []):
            out = out + x[:, source] @ self.weight[index].T
        return out

    def periodic(self, x: Tensor, position: int) -> Tensor:
        row = position if position < self.start else self.start + (position - self.start) % self.period
        out = x.new_zeros(x.shape[0], self.outputs)
        for distance, index in self.rows.get(row, []):
            if distance <= position:
                out = out + x[:, position - distance] @ self.weight[index].T
        return out

    def packed(self, x: Tensor, position: int) -> Tensor:
        """Positions come in tiles of 8. A tile holds what it reads from before itself as one matrix for all its
        positions, then, position by position, what it reads from within itself."""
        place = position % TILE
        tile, stored = position - place, min(position - place + TILE, self.context) - (position - place)
        start = tile * (tile + 1) // 2 * self.inputs
        before = self.weight[start : start + tile * self.inputs * stored]
        start += (tile * stored + place * (place + 1) // 2) * self.inputs
        within = self.weight[start : start + (place + 1) * self.inputs]
        out = x[:, tile : position + 1].flatten(1) @ within
        if tile:
            wide = before.view(tile * self.inputs, stored * self.outputs)
            out = out + x[:, :tile].flatten(1) @ wide[:, place * self.outputs : (place + 1) * self.outputs]
        return out


class ArlearnForCausalLM(PreTrainedModel, GenerationMixin):  # type: ignore[misc]
    config_class = ArlearnConfig
    main_input_name = "input_ids"

    def __init__(self, config: ArlearnConfig) -> None:
        super().__init__(config)
        self.embedding = nn.Embedding(config.vocab_size, config.inputs)
        self.map = PositionMap(config)
        self.middle = nn.Linear(config.outputs, config.outputs) if config.kind == "mlp" else None
        self.head = nn.Linear(config.outputs, config.vocab_size, bias=config.head_bias)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight)
        elif isinstance(module, nn.Linear | PositionMap):
            width = module.in_features if isinstance(module, nn.Linear) else module.context * module.inputs
            nn.init.uniform_(module.weight, -(width**-0.5), width**-0.5)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)

    def get_input_embeddings(self) -> nn.Embedding:
        return self.embedding

    def set_input_embeddings(self, value: nn.Embedding) -> None:
        self.embedding = value

    def get_output_embeddings(self) -> nn.Linear:
        return self.head

    def set_output_embeddings(self, value: nn.Linear) -> None:
        self.head = value

    def prepare_inputs_for_generation(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, logits_to_keep: int = 1, **_: Any
    ) -> dict[str, Any]:
        mask = attention_mask
        if self.config.map != "periodic":  # which must know how far it is from the beginning
            mask = None if mask is None else mask[:, -self.config.context :]
            input_ids = input_ids[:, -self.config.context :]
        return {"input_ids": input_ids, "attention_mask": mask, "logits_to_keep": logits_to_keep or 1}

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        logits_to_keep: int = 0,
        **_: Any,
    ) -> CausalLMOutput:
        """Logits after every token, or after the last ``logits_to_keep`` only; the loss if ``labels`` are given."""
        length = input_ids.shape[1]
        first = max(0, length - logits_to_keep) if logits_to_keep and labels is None else 0
        x = self.embedding(input_ids)
        back = None
        if attention_mask is not None and not bool(attention_mask.all()):
            x = x * attention_mask[..., None].to(x.dtype)
            # position 0 is the first real token, wherever the padding stands
            pads = (attention_mask.cumsum(1) == 0).sum(1, keepdim=True)
            places = torch.arange(length, device=x.device)
            x = x.gather(1, ((places + pads) % length)[..., None].expand_as(x))
            back, first = (places - pads) % length, 0
        hidden = self.map(x, first)
        if back is not None:
            hidden = hidden.gather(1, back[..., None].expand_as(hidden))
            hidden = hidden[:, -logits_to_keep:] if logits_to_keep and labels is None else hidden
        if self.middle is not None:
            hidden = self.middle(hidden.relu()).relu()
        logits = self.head(hidden)
        loss = None
        if labels is not None:
            loss = nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1).float(), labels[:, 1:].flatten())
        return CausalLMOutput(loss=loss, logits=logits)
