"""Program -> exact weights: the same ``LinearPredictor`` that training makes, with only the blocks that steps need.

Four stages, in the order of this file:

1. *Readings.* Every token gets the features that some step reads of it: the constant 1; its index as a one-hot (for
   joins and wide lookups), the image of a table as a one-hot (for narrow lookups), a number (for sums and comparisons).
   Alphabets share columns: the step knows which alphabet stands at the position it reads.
2. *Scores.* Every alphabet gets the features with which steps score its tokens: one that says that this alphabet is
   due, and, as far as its steps need them, one-hots, a number with its curvature, a threshold. They are not shared, so
   the tokens of all other alphabets score exactly 0 and the right token at least 1.
3. *Blocks.* Token p is predicted from output p - 1, so a step at position p that refers to position s owns the block
   W[p - 1, s], and nothing else. The constant travels in the step's first block: the map has no bias.
4. *Assembly* into embedding, blocks and head.

The numbers involved are small whole numbers: the largest score of a sum over 0..n is about n², whatever the length of
the program. ``centred`` counts numbers from the middle of their alphabet instead of from 0, which divides that by 4.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from arlearn.predictors.linear import LinearPredictor
from arlearn.predictors.maps.blocks import BlocksMap
from arlearn.programs.checking import check
from arlearn.programs.meaning import Meaning
from arlearn.programs.steps import Add, Compare, Constant, Join, Lookup, Program, Step, Term, references

CONSTANT = 0  # the input feature that is 1 for every token


@dataclass(frozen=True)
class Readings:
    """Stage 1: which columns of the embedding hold what. A key is (kind, alphabet, table)."""

    width: int
    columns: dict[tuple[str, str, str | None], slice]


@dataclass(frozen=True)
class Scores:
    """Stage 2: which columns of the head hold what. A key is (kind, alphabet)."""

    width: int
    columns: dict[tuple[str, str], slice]
    centre: dict[str, int]


def compile_program(program: Program, *, centred: bool = False, context: int | None = None) -> LinearPredictor:
    """The predictor that writes the program's chain of thought token by token, all weights given.

    ``context``: a limit on the context length. Raises ProgramError listing every fault of the program.
    """
    meaning = check(program, context)
    readings = allot_readings(meaning)
    scores = allot_scores(meaning, centred)
    pairs, blocks = make_blocks(meaning, readings, scores)
    causal = BlocksMap(max(program.length - 1, 1), readings.width, scores.width, pairs)
    with torch.no_grad():
        causal.weight.copy_(torch.from_numpy(np.stack(blocks)) if blocks else causal.weight)
    return LinearPredictor(
        torch.from_numpy(make_embedding(meaning, readings)),
        causal,
        torch.from_numpy(make_head(meaning, scores)),
        frozen=("embedding", "map.weight", "head"),
    )


def allot_readings(meaning: Meaning) -> Readings:
    """Stage 1. Columns of one alphabet follow one another; different alphabets use the same columns."""
    wanted: dict[tuple[str, str, str | None], int] = {}
    for step in meaning.program.steps:
        for key in _read_keys(meaning, step):
            wanted.setdefault(key, _read_width(meaning, key))
    columns, used = {}, dict.fromkeys(meaning.alphabets, 1)  # column 0 is the constant
    for key, width in wanted.items():
        columns[key] = slice(used[key[1]], used[key[1]] + width)
        used[key[1]] += width
    return Readings(max(used.values()), columns)


def allot_scores(meaning: Meaning, centred: bool) -> Scores:
    """Stage 2. Every alphabet that some step writes has columns of its own."""
    columns: dict[tuple[str, str], slice] = {}
    centre: dict[str, int] = {}
    used = 0
    for step in meaning.program.steps:
        alphabet = meaning.alphabets[step.alphabet]
        kind, width = _score_kind(meaning, step)
        for key, size in ((("due", alphabet.name), 1), ((kind, alphabet.name), width)):
            if key not in columns:
                columns[key] = slice(used, used + size)
                used += size
        if kind == "number":
            values = alphabet.values or (0,)
            centre[alphabet.name] = (min(values) + max(values)) // 2 if centred else 0
    return Scores(max(used, 1), columns, centre)


def make_blocks(meaning: Meaning, readings: Readings, scores: Scores) -> tuple[list[tuple[int, int]], list[np.ndarray]]:
    """Stage 3: (to, from) and W[to, from] for every reference of every step; equal blocks are made once."""
    pairs: list[tuple[int, int]] = []
    blocks: list[np.ndarray] = []
    made: dict[tuple[object, ...], list[np.ndarray]] = {}
    for place, (step, rule) in enumerate(
        zip(meaning.program.steps, meaning.rules, strict=True), len(meaning.program.slots)
    ):
        if rule.shape not in made:
            made[rule.shape] = _step_blocks(meaning, readings, scores, step)
        sources = [meaning.position[ref] for ref in rule.refs] or [place - 1]
        pairs.extend((place - 1, source) for source in sources)
        blocks.extend(made[rule.shape])
    return pairs, blocks


def make_embedding(meaning: Meaning, readings: Readings) -> np.ndarray:
    """Stage 4: (vocabulary, inputs) float32."""
    embedding = np.zeros((len(meaning.words), readings.width), dtype=np.float32)
    embedding[:, CONSTANT] = 1
    for (kind, alphabet, table), columns in readings.columns.items():
        rows = np.arange(len(meaning.alphabets[alphabet].words))
        begin = meaning.begins[alphabet]
        if kind == "index":
            embedding[begin + rows, columns.start + rows] = 1
            continue
        numbers, defined = meaning.reading(alphabet, table)
        if kind == "number":
            embedding[begin + rows, columns.start] = np.where(defined, numbers, 0)
        else:
            image = _image(meaning, alphabet, table)
            places = np.searchsorted(image, numbers[defined])
            embedding[begin + rows[defined], columns.start + places] = 1
    return embedding


def make_head(meaning: Meaning, scores: Scores) -> np.ndarray:
    """Stage 4: (vocabulary, outputs) float32."""
    head = np.zeros((len(meaning.words), scores.width), dtype=np.float32)
    for (kind, name), columns in scores.columns.items():
        alphabet = meaning.alphabets[name]
        rows = meaning.begins[name] + np.arange(len(alphabet.words))
        if kind == "due":
            head[rows, columns.start] = 1
        elif kind == "index":
            head[rows, columns.start + np.arange(len(rows))] = 1
        elif kind == "parts":
            sizes = [len(meaning.alphabets[part].words) for part in alphabet.parts]
            begin = columns.start
            for size, index in zip(sizes, np.unravel_index(np.arange(len(rows)), sizes), strict=True):
                head[rows, begin + index] = 1
                begin += size
        elif kind == "number":
            from_centre = np.array(alphabet.values) - scores.centre[name]
            head[rows, columns.start] = 2 * from_centre
            head[rows, columns.start + 1] = -(from_centre**2)
        else:
            head[rows[1], columns.start] = 1
    return head


def _step_blocks(meaning: Meaning, readings: Readings, scores: Scores, step: Step) -> list[np.ndarray]:
    """W[to, from] (outputs, inputs) for each distinct reference of the step; for one without any, a single block."""
    refs = references(step)
    blocks = [np.zeros((scores.width, readings.width), dtype=np.float32) for _ in refs or ("",)]
    name = step.alphabet
    blocks[0][scores.columns["due", name].start, CONSTANT] = 1
    kind, _ = _score_kind(meaning, step)
    at = scores.columns[kind, name]
    if isinstance(step, Constant):
        blocks[0][at.start + meaning.index[name][step.word], CONSTANT] = 1
    elif isinstance(step, Join):
        begin = at.start
        for ref in step.refs:
            columns = readings.columns["index", meaning.alphabet_of[ref], None]
            size = columns.stop - columns.start
            blocks[refs.index(ref)][begin : begin + size, columns] += np.eye(size, dtype=np.float32)
            begin += size
    elif isinstance(step, Lookup):
        source = meaning.alphabet_of[step.ref]
        way = _lookup_key(meaning, step)
        columns = readings.columns[way]
        if way[0] == "image":
            targets = _image(meaning, source, step.table)
            blocks[0][at.start + targets, columns.start + np.arange(len(targets))] = 1
        elif step.table is None:
            blocks[0][at, columns] = np.eye(columns.stop - columns.start, dtype=np.float32)
        else:
            numbers, defined = meaning.reading(source, step.table)
            blocks[0][at.start + numbers[defined], columns.start + np.flatnonzero(defined)] = 1
    else:
        scale = 2 if isinstance(step, Compare) else 1
        for term in step.terms:
            column = readings.columns[_term_key(meaning, term)]
            blocks[refs.index(term.ref)][at.start, column.start] += scale * term.weight
        if isinstance(step, Add):
            blocks[0][at.start, CONSTANT] += step.constant - scores.centre[name]
            blocks[0][at.start + 1, CONSTANT] = 1
        else:
            blocks[0][at.start, CONSTANT] += 1 - 2 * step.threshold
    return blocks


def _read_keys(meaning: Meaning, step: Step) -> list[tuple[str, str, str | None]]:
    if isinstance(step, Join):
        return [("index", meaning.alphabet_of[ref], None) for ref in step.refs]
    if isinstance(step, Lookup):
        return [_lookup_key(meaning, step)]
    if isinstance(step, Constant):
        return []
    return [_term_key(meaning, term) for term in step.terms]


def _term_key(meaning: Meaning, term: Term) -> tuple[str, str, str | None]:
    return ("number", meaning.alphabet_of[term.ref], term.table)


def _lookup_key(meaning: Meaning, step: Lookup) -> tuple[str, str, str | None]:
    """A table stands in the embedding where its image is smaller than its source, else in the block."""
    source = meaning.alphabet_of[step.ref]
    if step.table is not None and len(_image(meaning, source, step.table)) < len(meaning.alphabets[source].words):
        return ("image", source, step.table)
    return ("index", source, None)


def _read_width(meaning: Meaning, key: tuple[str, str, str | None]) -> int:
    kind, alphabet, table = key
    if kind == "number":
        return 1
    return len(meaning.alphabets[alphabet].words) if kind == "index" else len(_image(meaning, alphabet, table))


def _score_kind(meaning: Meaning, step: Step) -> tuple[str, int]:
    """How the step scores the tokens of its alphabet, and how many numbers that takes."""
    alphabet = meaning.alphabets[step.alphabet]
    if isinstance(step, Join):
        return "parts", sum(len(meaning.alphabets[part].words) for part in alphabet.parts)
    if isinstance(step, Lookup | Constant):
        return "index", len(alphabet.words)
    return ("number", 2) if isinstance(step, Add) else ("threshold", 1)


def _image(meaning: Meaning, alphabet: str, table: str | None) -> np.ndarray:
    """The distinct tokens a table gives, ascending."""
    numbers, defined = meaning.reading(alphabet, table)
    return np.unique(numbers[defined])
