"""Proof that stored weights compute a program, for every input, in a given number format.

A linear predictor's scores are a sum of one term for each position it reads, so they can be checked step by step and
exhaustively: for each step, over every combination of tokens that the positions it reads can hold, the scores are
computed from the *stored* weights, rounded to the format, and the right token must have the single highest one. If that
holds for every step, then by induction along the sequence it holds for every prompt the program allows. All positions
that the map really reads are included, whether the step refers to them or not, so a stray weight cannot hide.

Combinations that agree in the numbers they contribute are the same for the rest of the step; merging them as positions
are added makes the enumeration small without leaving anything out. Equal steps are proved once.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from arlearn.predictors.linear import LinearPredictor
from arlearn.programs.checking import Checker
from arlearn.programs.meaning import Meaning, Rule
from arlearn.programs.steps import Program, ProgramError, Step

# Number formats: the PyTorch type, and the largest n such that all whole numbers up to n are exact.
FORMATS = {
    "float32": (torch.float32, 2**24),
    "float16": (torch.float16, 2**11),
    "bfloat16": (torch.bfloat16, 2**8),
}
MOST = 2_000_000  # distinct combinations of one step beyond which it counts as not proved
CHUNK = 1 << 22  # scores held at once


@dataclass(frozen=True)
class Verdict:
    """What the enumeration of all steps found in one number format.

    Attributes:
        safe: the right token has the single highest score at every step, for every input.
        minimum_margin: the least difference between the right token's score and the next highest.
        exact: no rounding occurs at all, so the order in which a machine adds cannot matter.
        why: one sentence.
        faults: what is wrong, step by step.
    """

    safe: bool
    minimum_margin: float
    exact: bool
    why: str
    faults: tuple[str, ...] = ()


@dataclass(frozen=True)
class Proof:
    """The verdicts on a compiled program, and its size."""

    proved: bool
    prompt_tokens: int
    generated_tokens: int
    vocabulary: int
    context: int
    blocks: int
    parameters: int
    bytes: int
    steps_checked: int
    distinct_steps: int
    combinations: int
    minimum_margin: float
    largest_score: float
    safe_in: list[str]
    formats: dict[str, Verdict] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def faults(self) -> tuple[str, ...]:
        return self.formats["float32"].faults

    def as_json(self) -> dict[str, Any]:
        """One JSON-ready object."""
        plain = {key: value for key, value in self.__dict__.items() if key != "formats"}
        return plain | {
            "formats": {
                name: {"safe": v.safe, "minimum_margin": v.minimum_margin, "exact": v.exact, "why": v.why}
                for name, v in self.formats.items()
            },
            "faults": list(self.faults),
        }


@dataclass(frozen=True)
class _Source:
    """One position that a step reads: what each token there adds to the features, and to the rule's total."""

    features: np.ndarray  # (tokens, outputs) float64
    numbers: np.ndarray  # (tokens,) int64


def prove(program: Program, predictor: LinearPredictor) -> Proof:
    """Check every step of the program against the predictor's stored weights, in every format of ``FORMATS``.

    Raises ProgramError if the program itself has faults or the predictor is not of its shape.
    """
    began = time.monotonic()
    checker = Checker(program)
    if not checker.faults and predictor.vocabulary != len(checker.meaning.words):
        checker.faults.append(f"the predictor has {predictor.vocabulary} tokens, not {len(checker.meaning.words)}")
    if not checker.faults and predictor.context is not None and predictor.context < program.length - 1:
        checker.faults.append(f"the predictor's context of {predictor.context} is below {program.length - 1}")
    if checker.faults:
        raise ProgramError(f"program {program.name!r}", checker.faults)
    verdicts, combinations, distinct, largest = {}, 0, 0, 0.0
    for name in FORMATS:
        prover = _Prover(checker, predictor, name)
        verdicts[name] = prover.verdict()
        if name == "float32":
            combinations, distinct, largest = prover.combinations, len(prover.done), prover.largest
    single = verdicts["float32"]
    return Proof(
        proved=single.safe,
        prompt_tokens=len(program.slots),
        generated_tokens=len(program.steps),
        vocabulary=predictor.vocabulary,
        context=program.length - 1,
        blocks=predictor.map.weight.shape[0],
        parameters=predictor.parameter_count(),
        bytes=sum(p.numel() * p.element_size() for p in predictor.parameters()),
        steps_checked=len(program.steps),
        distinct_steps=distinct,
        combinations=combinations,
        minimum_margin=single.minimum_margin,
        largest_score=largest,
        safe_in=[name for name, verdict in verdicts.items() if verdict.safe],
        formats=verdicts,
        seconds=round(time.monotonic() - began, 3),
    )


@dataclass
class _Outcome:
    margin: float
    exact: bool
    combinations: int
    largest: float
    fault: str | None = None


class _Prover:
    """Goes through the steps in one number format."""

    def __init__(self, checker: Checker, predictor: LinearPredictor, name: str) -> None:
        self.meaning: Meaning = checker.meaning
        self.predictor = predictor
        self.name = name
        self.kind, self.whole = FORMATS[name]
        self.embedding = self._rounded(predictor.embedding)
        self.head = self._rounded(predictor.head)
        self.head_array = self.head.numpy()
        self.bias = None if predictor.head_bias is None else self._rounded(predictor.head_bias).numpy()
        self.stored_exactly = all(
            torch.equal(self._rounded(p), p.detach().double().cpu()) for p in predictor.parameters()
        )
        items = (*self.meaning.program.slots, *self.meaning.program.steps)
        self.held = [checker.reach[item.name] for item in items]  # equal sets are one array
        self.done: dict[tuple[Any, ...], _Outcome] = {}
        self.combinations = 0
        self.largest = 0.0

    def verdict(self) -> Verdict:
        slots = len(self.meaning.program.slots)
        faults: list[str] = []
        margin, exact = float("inf"), self.stored_exactly
        first = self.meaning.first_tokens
        for place, (step, rule) in enumerate(zip(self.meaning.program.steps, self.meaning.rules, strict=True), slots):
            positions, blocks = self._read(place, rule)
            order = [positions.index(self.meaning.position[ref]) for ref in rule.refs]
            seen = [(int(first[p]), id(self.held[p]), block) for p, block in zip(positions, blocks, strict=True)]
            key = (rule.shape, *order, *seen)
            if key not in self.done:
                self.done[key] = self._outcome(step, rule, self._sources(place, rule, positions))
            outcome = self.done[key]
            self.combinations += outcome.combinations
            self.largest = max(self.largest, outcome.largest)
            margin, exact = min(margin, outcome.margin), exact and outcome.exact
            if outcome.fault is not None:
                faults.append(f"step {step.name}: {outcome.fault}")
        return self._conclude(faults, margin, exact)

    def _conclude(self, faults: list[str], margin: float, exact: bool) -> Verdict:
        count = len(self.meaning.program.steps)
        if faults:
            more = f" (and at {len(faults) - 1} other steps)" if len(faults) > 1 else ""
            why = f"{faults[0]}{more}; whole numbers are exact only up to {self.whole} in {self.name}"
        elif exact:
            why = f"every weight, sum and score is a whole number up to {self.whole}: exact in any order of adding"
        else:
            why = f"rounded to {self.name} position by position, the right token still leads at all {count} steps"
        return Verdict(not faults, margin, exact and not faults, why, tuple(faults))

    def _rounded(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.detach().cpu().to(self.kind).double()

    def _round(self, numbers: np.ndarray) -> np.ndarray:
        return np.asarray(torch.from_numpy(numbers).to(self.kind).double().numpy())

    def _read(self, place: int, rule: Rule) -> tuple[list[int], list[bytes]]:
        """Every position that output ``place - 1`` reads or the rule refers to, in the order the map adds them, and
        the weights of the blocks that read them (nothing where there is no block)."""
        read = self.predictor.map.sources(place - 1)
        positions = sorted({*(range(place) if read is None else read), *(self.meaning.position[r] for r in rule.refs)})
        blocks = [self.predictor.map.block(place - 1, position) for position in positions]
        return positions, [b"" if block is None else block.detach().cpu().numpy().tobytes() for block in blocks]

    def _sources(self, place: int, rule: Rule, positions: list[int]) -> list[_Source]:
        """What each token at these positions adds to the features of output ``place - 1``, and to the rule's total."""
        places = (self.meaning.position[ref] for ref in rule.refs)
        numbers_at = dict(zip(places, rule.readings, strict=True))
        sources = []
        for position in positions:
            local = self.held[position]
            tokens = torch.from_numpy(local + self.meaning.first_tokens[position])
            block = self.predictor.map.block(place - 1, position)
            features = np.zeros((len(local), self.head.shape[1]))
            if block is not None:
                features = self._round((self.embedding[tokens] @ self._rounded(block).T).numpy())
            numbers = numbers_at.get(position)
            sources.append(_Source(features, np.zeros(len(local), np.int64) if numbers is None else numbers[local]))
        return sources

    def _outcome(self, step: Step, rule: Rule, sources: list[_Source]) -> _Outcome:
        """Enumerate one step: features and total of every combination, then scores, then the margin."""
        if not all(np.isfinite(source.features).all() for source in sources):
            return _Outcome(0.0, False, 0, float("inf"), f"a feature overflows in {self.name}")
        features = np.zeros((1, self.head.shape[1]))
        total = np.full(1, rule.constant, dtype=np.int64)
        combinations = math.prod(len(source.numbers) for source in sources)
        bound = sum((np.abs(source.features).max(axis=0) for source in sources), np.zeros(self.head.shape[1]))
        whole = all(_whole(source.features) for source in sources)
        exact = whole and bool((bound <= self.whole).all())
        for source in sources:
            each, numbers = _merged(source.features, source.numbers)
            if len(total) * len(numbers) > MOST:
                return self._by_bounds(step, rule, sources, combinations)
            features = self._round((features[:, None, :] + each).reshape(-1, each.shape[1]))
            features, total = _merged(features, (total[:, None] + numbers).reshape(-1))
        right = self.meaning.begins[step.alphabet] + rule.token(total)
        margin, largest, most, fault = float("inf"), 0.0, float(bound.max()), None
        rows = max(1, CHUNK // self.head.shape[0])
        for begin in range(0, len(total), rows):
            part = slice(begin, begin + rows)
            scores, sums_exact, terms = self._scores(features[part])
            exact, most = exact and sums_exact, max(most, terms)
            if not np.isfinite(scores).all():
                return _Outcome(0.0, False, combinations, float("inf"), f"the scores overflow in {self.name}")
            best = scores[np.arange(len(scores)), right[part]]
            scores[np.arange(len(scores)), right[part]] = -np.inf
            rival = scores.argmax(axis=1)
            gaps = best - scores[np.arange(len(scores)), rival]
            worst = int(gaps.argmin())
            largest = max(largest, float(np.abs(best).max()))
            margin = min(margin, float(gaps[worst]))
            if gaps[worst] <= 0 and fault is None:
                words = self.meaning.words
                fault = (
                    f"{words[int(right[part][worst])]!r} is right and scores {best[worst]:g},"
                    f" {words[int(rival[worst])]!r} scores {best[worst] - gaps[worst]:g}"
                )
        if fault is None and not exact and self.name == "float32":
            # What is rounded depends on the order of adding; leave room for the worst order.
            error = (len(sources) + self.head.shape[1]) * 2.0**-23 * max(most, 1.0)
            if margin <= 2 * error:
                fault = f"the margin of {margin:g} is within twice the rounding error of {error:g}"
        return _Outcome(margin, exact, combinations, largest, fault)

    def _scores(self, features: np.ndarray) -> tuple[np.ndarray, bool, float]:
        """Scores of all tokens rounded to the format (sums inside one score are kept wide, as matrix units do);
        whether every partial sum in any order is exact; the greatest sum of absolute terms."""
        scores = features @ self.head_array.T
        if self.bias is not None:
            scores = scores + self.bias
        most = np.abs(features) @ np.abs(self.head_array).T
        up, down = (most + scores) / 2, (most - scores) / 2
        whole = _whole(self.head_array) and _whole(features)
        exact = whole and self.bias is None and float(max(up.max(), down.max())) <= self.whole
        return self._round(scores), exact, float(most.max())

    def _by_bounds(self, step: Step, rule: Rule, sources: list[_Source], combinations: int) -> _Outcome:
        """A comparison of very many tokens: where the difference of the two scores is an exact multiple of the total,
        its sign follows from whole totals and need not be enumerated."""
        not_proved = _Outcome(0.0, False, combinations, 0.0, f"more than {MOST} distinct combinations, not enumerated")
        if rule.named is not None or self.bias is not None:
            return not_proved
        numbers = [source.numbers for source in sources]
        scores = [source.features @ self.head_array.T for source in sources]
        everything = [*scores, *(source.features for source in sources), self.head_array]
        largest = max(
            sum(float(np.abs(each).max()) for each in some) for some in (scores, everything[len(scores) : -1])
        )
        if largest > self.whole or not all(np.array_equal(each, np.rint(each)) for each in everything):
            return not_proved
        false = self.meaning.begins[step.alphabet]
        lines = [_line(n, each[:, false + 1] - each[:, false]) for n, each in zip(numbers, scores, strict=True)]
        varying = {slope for (slope, _), n in zip(lines, numbers, strict=True) if n.min() != n.max()}
        if len(varying) != 1 or None in varying or any(slope is None for slope, _ in lines):
            return not_proved
        slope = float(varying.pop() or 0.0)
        fixed = rule.constant + sum(int(n[0]) for n in numbers if n.min() == n.max())
        shift = sum(start for _, start in lines) - slope * fixed  # score(true) - score(false) = slope * total + shift
        low, high = (rule.constant + sum(int(end(n)) for n in numbers) for end in (np.min, np.max))
        # The right token leads by at least the lead of ``false`` over the tokens of other alphabets, and by the
        # difference between the two at the totals nearest the threshold.
        margin = float("inf")
        if len(self.head_array) > 2:
            leads = sum((each[:, [false]] - each).min(axis=0) for each in scores)
            margin = float(np.delete(leads, [false, false + 1]).min())
        if high >= rule.threshold:
            margin = min(margin, slope * max(rule.threshold, low) + shift)
        if low < rule.threshold:
            margin = min(margin, -(slope * min(rule.threshold - 1, high) + shift))
        fault = None if margin > 0 else f"the wrong token can score as much (by {-margin:g}) at the threshold"
        return _Outcome(margin, True, combinations, largest, fault)


def _whole(numbers: np.ndarray) -> bool:
    return bool(np.array_equal(numbers, np.rint(numbers)))


def _merged(features: np.ndarray, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct rows of features and numbers together."""
    if len(numbers) <= 1:
        return features, numbers
    both = np.concatenate([features, numbers[:, None].astype(np.float64)], axis=1) + 0.0  # -0.0 becomes 0.0
    flat = np.ascontiguousarray(both).view(np.dtype((np.void, both.shape[1] * both.itemsize))).ravel()
    kept = np.unique(flat, return_index=True)[1]
    return features[kept], numbers[kept]


def _line(numbers: np.ndarray, values: np.ndarray) -> tuple[float | None, float]:
    """(slope, intercept) of values as an exact linear function of numbers; slope None where they are none."""
    low, high = int(numbers.argmin()), int(numbers.argmax())
    if numbers[low] == numbers[high]:
        return (0.0, float(values[low])) if (values == values[low]).all() else (None, 0.0)
    slope = float((values[high] - values[low]) / (numbers[high] - numbers[low]))
    intercept = float(values[low] - slope * numbers[low])
    return (slope, intercept) if np.array_equal(slope * numbers + intercept, values) else (None, 0.0)
