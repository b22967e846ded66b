"""Program -> exact weights: the same ``LinearPredictor`` that training makes, with only the blocks that steps need.

A program without a loop gets a map of blocks for single positions, one with a loop a periodic map: a block for every
(phase, distance), the same in every pass, equal blocks stored once. So its weights do not grow with the passes.

Four stages, in the order of this file:

1. *Readings.* Every token gets the features that some step reads of it: the constant 1; its index as a one-hot (for
   joins and wide lookups), the image of a table as a one-hot (for narrow lookups), a number (for sums and comparisons).
   Alphabets share columns: the step knows which alphabet stands at the position it reads.
2. *Scores.* Every alphabet gets the features with which steps score its tokens: one that says that this alphabet is
   due, and, as far as its steps need them, one-hots, a number with its curvature, a threshold. They are not shared, so
   the tokens of all other alphabets score exactly 0 and the right token at least 1.
   A token that joins others has the features of each part side by side, so the scores of its parts are added.
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
from arlearn.predictors.maps import BlocksMap, CausalMap, PeriodicMap
from arlearn.programs.checking import check
from arlearn.programs.semantics import Semantics
from arlearn.programs.steps import Add, Compare, Constant, Lookup, Option, Program, Select, Step, Term, references

CONSTANT = 0  # the input feature that is 1 for every token


@dataclass(frozen=True)
class Readings:
    """Stage 1: which columns of the embedding hold what. A key is (kind, alphabet, table)."""

    width: int
    columns: dict[tuple[str, str, str | None], slice]


@dataclass(frozen=True)
class Scores:
    """Stage 2: which columns of the head hold what. A key is (kind, alphabet, part).

    ``part`` is the place of a part in its alphabet, or None if a step scores the alphabet's tokens as they are.
    """

    width: int
    columns: dict[tuple[str, str, int | None], slice]
    centre: dict[tuple[str, int | None], int]


def compile_program(program: Program, *, centred: bool = False, context: int | None = None) -> LinearPredictor:
    """The predictor that writes the program's chain of thought token by token, all weights given.

    ``context``: a limit on the context length. Raises ProgramError listing every fault of the program.
    """
    semantics = check(program, context)
    readings = allot_readings(semantics)
    scores = allot_scores(semantics, centred)
    return LinearPredictor(
        torch.from_numpy(make_embedding(semantics, readings)),
        make_map(semantics, readings, scores),
        torch.from_numpy(make_head(semantics, scores)),
        frozen=("embedding", "map.weight", "head"),
    )


def allot_readings(semantics: Semantics) -> Readings:
    """Stage 1. Columns of one alphabet follow one another; different alphabets use the same columns."""
    wanted: dict[tuple[str, str, str | None], int] = {}
    for step in semantics.generated_steps:
        for _, rule in semantics.part_rules(step):
            for key in _read_keys(semantics, rule):
                wanted.setdefault(key, _read_width(semantics, key))
    columns, used = {}, dict.fromkeys(semantics.alphabets, 1)  # column 0 is the constant
    for key, width in wanted.items():
        columns[key] = slice(used[key[1]], used[key[1]] + width)
        used[key[1]] += width
    return Readings(max(used.values()), columns)


def allot_scores(semantics: Semantics, centred: bool) -> Scores:
    """Stage 2. Every alphabet that some step writes has columns of its own."""
    columns: dict[tuple[str, str, int | None], slice] = {}
    centre: dict[tuple[str, int | None], int] = {}
    used = 0
    for step in semantics.generated_steps:
        wanted: list[tuple[tuple[str, str, int | None], int]] = [(("due", step.alphabet, None), 1)]
        for place, name, rule in _placed_rules(semantics, step):
            kind, width = _score_kind(semantics, rule)
            wanted.append(((kind, step.alphabet, place), width))
            if kind == "number":
                values = semantics.alphabets[name].values or (0,)
                centre[step.alphabet, place] = (min(values) + max(values)) // 2 if centred else 0
        for key, size in wanted:
            if key not in columns:
                columns[key] = slice(used, used + size)
                used += size
    return Scores(max(used, 1), columns, centre)


def make_map(semantics: Semantics, readings: Readings, scores: Scores) -> CausalMap:
    """Stage 3: W[to, from] for every reference of every step; the blocks of equal steps are made once."""
    rows: list[tuple[int, int]] = []  # (row of the output, distance)
    blocks: list[np.ndarray] = []
    made: dict[tuple[object, ...], list[np.ndarray]] = {}
    for row, (step, rule) in enumerate(
        zip(semantics.generated_steps, semantics.rules, strict=True), len(semantics.program.slots)
    ):
        if rule.shape not in made:
            made[rule.shape] = _step_blocks(semantics, readings, scores, step)
        backs = [semantics.back(row, ref) for ref in rule.refs] or [1]
        rows.extend((row - 1, back - 1) for back in backs)
        blocks.extend(made[rule.shape])
    causal: CausalMap
    if semantics.period:
        distinct = {block.tobytes(): block for block in blocks}
        places = {data: number for number, data in enumerate(distinct)}
        numbers = [places[block.tobytes()] for block in blocks]
        blocks = list(distinct.values())
        reads = [(row, distance, number) for (row, distance), number in zip(rows, numbers, strict=True)]
        causal = PeriodicMap(readings.width, scores.width, semantics.start - 1, semantics.period, reads)
    else:
        pairs = [(row, row - distance) for row, distance in rows]
        causal = BlocksMap(max(semantics.start - 1, 1), readings.width, scores.width, pairs)
    with torch.no_grad():
        causal.weight.copy_(torch.from_numpy(np.stack(blocks)) if blocks else causal.weight)
    return causal


def make_embedding(semantics: Semantics, readings: Readings) -> np.ndarray:
    """Stage 4: (vocabulary, inputs) float32."""
    embedding = np.zeros((len(semantics.words), readings.width), dtype=np.float32)
    embedding[:, CONSTANT] = 1
    for (kind, alphabet, table), columns in readings.columns.items():
        rows = np.arange(len(semantics.alphabets[alphabet].words))
        begin = semantics.begins[alphabet]
        if kind == "index":
            embedding[begin + rows, columns.start + rows] = 1
            continue
        numbers, defined = semantics.reading(alphabet, table)
        if kind == "number":
            embedding[begin + rows, columns.start] = np.where(defined, numbers, 0)
        else:
            image = _image(semantics, alphabet, table)
            places = np.searchsorted(image, numbers[defined])
            embedding[begin + rows[defined], columns.start + places] = 1
    return embedding


def make_head(semantics: Semantics, scores: Scores) -> np.ndarray:
    """Stage 4: (vocabulary, outputs) float32."""
    head = np.zeros((len(semantics.words), scores.width), dtype=np.float32)
    for (kind, name, place), columns in scores.columns.items():
        alphabet = semantics.alphabets[name]
        rows = semantics.begins[name] + np.arange(len(alphabet.words))
        scored, index = alphabet, np.arange(len(rows))
        if place is not None:
            sizes = [len(semantics.alphabets[part].words) for part in alphabet.parts]
            scored, index = semantics.alphabets[alphabet.parts[place]], np.unravel_index(index, sizes)[place]
        if kind == "due":
            head[rows, columns.start] = 1
        elif kind == "index":
            head[rows, columns.start + index] = 1
        elif kind == "number":
            from_centre = np.array(scored.values)[index] - scores.centre[name, place]
            head[rows, columns.start] = 2 * from_centre
            head[rows, columns.start + 1] = -(from_centre**2)
        else:
            head[rows, columns.start] = index  # 0 for the first token, 1 for the second
    return head


def _placed_rules(semantics: Semantics, step: Step) -> list[tuple[int | None, str, Step]]:
    """(place of the part, its alphabet, its rule); the place is None for a step that writes no parts."""
    rules = semantics.part_rules(step)
    whole = rules[0][1] is step
    return [(None if whole else place, name, rule) for place, (name, rule) in enumerate(rules)]


def _step_blocks(semantics: Semantics, readings: Readings, scores: Scores, step: Step) -> list[np.ndarray]:
    """W[to, from] (outputs, inputs) for each distinct reference of the step; for one without any, a single block."""
    refs = references(step)
    blocks = {ref: np.zeros((scores.width, readings.width), dtype=np.float32) for ref in refs or ("",)}
    first = next(iter(blocks.values()))
    first[scores.columns["due", step.alphabet, None].start, CONSTANT] = 1
    for place, name, rule in _placed_rules(semantics, step):
        at = scores.columns[_score_kind(semantics, rule)[0], step.alphabet, place]
        if isinstance(rule, Constant):
            first[at.start + semantics.index[name][rule.word], CONSTANT] = 1
        elif isinstance(rule, Lookup):
            _add_lookup(semantics, readings, blocks[rule.ref], at, rule, 1)
        elif isinstance(rule, Select):
            for power, option in enumerate(reversed(rule.options)):
                _add_lookup(semantics, readings, blocks[option.ref], at, option, 2**power)
        else:
            assert isinstance(rule, Add | Compare)
            scale = 2 if isinstance(rule, Compare) else 1
            for term in rule.terms:
                column = readings.columns[_term_key(semantics, term)]
                blocks[term.ref][at.start, column.start] += scale * term.weight
            if isinstance(rule, Add):
                first[at.start, CONSTANT] += rule.constant - scores.centre[step.alphabet, place]
                first[at.start + 1, CONSTANT] = 1
            else:
                first[at.start, CONSTANT] += 1 - 2 * rule.threshold
    return list(blocks.values())


def _add_lookup(
    semantics: Semantics, readings: Readings, block: np.ndarray, at: slice, option: Lookup | Option, weight: int
) -> None:
    """Let the block score the token that a table, or a copy, gives."""
    source = semantics.alphabet_of[option.ref]
    key = _lookup_key(semantics, option)
    columns = readings.columns[key]
    numbers, defined = semantics.looked_up(option)
    if key[0] == "image":
        targets = _image(semantics, source, option.table)
        block[at.start + targets, columns.start + np.arange(len(targets))] += weight
    else:
        block[at.start + numbers[defined], columns.start + np.flatnonzero(defined)] += weight


def _read_keys(semantics: Semantics, rule: Step) -> list[tuple[str, str, str | None]]:
    if isinstance(rule, Lookup):
        return [_lookup_key(semantics, rule)]
    if isinstance(rule, Select):
        return [_lookup_key(semantics, option) for option in rule.options]
    if isinstance(rule, Add | Compare):
        return [_term_key(semantics, term) for term in rule.terms]
    return []


def _term_key(semantics: Semantics, term: Term) -> tuple[str, str, str | None]:
    return ("number", semantics.alphabet_of[term.ref], term.table)


def _lookup_key(semantics: Semantics, option: Lookup | Option) -> tuple[str, str, str | None]:
    """A table stands in the embedding where its image is smaller than its source, else in the block."""
    source = semantics.alphabet_of[option.ref]
    words = semantics.alphabets[source].words
    if option.table is not None and len(_image(semantics, source, option.table)) < len(words):
        return ("image", source, option.table)
    return ("index", source, None)


def _read_width(semantics: Semantics, key: tuple[str, str, str | None]) -> int:
    kind, alphabet, table = key
    if kind == "number":
        return 1
    return len(semantics.alphabets[alphabet].words) if kind == "index" else len(_image(semantics, alphabet, table))


def _score_kind(semantics: Semantics, rule: Step) -> tuple[str, int]:
    """How a rule scores the tokens it chooses from, and how many numbers that takes."""
    if isinstance(rule, Lookup | Constant | Select):
        return "index", len(semantics.alphabets[rule.alphabet].words)
    return ("number", 2) if isinstance(rule, Add) else ("threshold", 1)


def _image(semantics: Semantics, alphabet: str, table: str | None) -> np.ndarray:
    """The distinct tokens a table gives, ascending."""
    numbers, defined = semantics.reading(alphabet, table)
    return np.unique(numbers[defined])
