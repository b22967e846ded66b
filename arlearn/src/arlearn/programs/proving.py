"""Proof that stored weights compute a program, for every input, in a given number format.

A linear predictor's scores are a sum of one term for each position it reads, so they can be checked step by step and
exhaustively: for each step, over every combination of tokens that the positions it reads can hold, the scores are
computed from the *stored* weights, rounded to the format, and the right token must have the single highest one. If that
holds for every step, then by induction along the sequence it holds for every prompt the program allows. All positions
that the map really reads are included, whether the step refers to them or not, so a stray weight cannot hide.

A loop is proved by induction over its passes. Its map repeats with the period, so the scores of a phase depend only on
which tokens stand where it reads. ``Checker`` gives, for every phase, a set of tokens that holds in all passes: the least
fixpoint, which contains the initial values and everything that a pass can write from such tokens. If the right token
leads for every combination from these sets, a pass that begins with tokens from them writes the right ones, which are in
them again. So it holds in the first pass, and in each from the one before: for every input and any number of passes.

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
from arlearn.predictors.maps import PeriodicMap
from arlearn.programs.checking import Checker
from arlearn.programs.combinations import MOST, Outcome, Source, by_bounds, merged, not_enumerated, whole
from arlearn.programs.semantics import Rule, Semantics
from arlearn.programs.steps import Program, ProgramError, Step, lay_out

# Number formats: the PyTorch type, and the largest n such that all whole numbers up to n are exact.
FORMATS = {
    "float32": (torch.float32, 2**24),
    "float16": (torch.float16, 2**11),
    "bfloat16": (torch.bfloat16, 2**8),
}
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
    """The verdicts on a compiled program, and its size.

    Attributes (those that say more than their names):
        generated_tokens: None with a loop: as many as the input takes.
        context: None with a loop: there is no bound.
        passes: "any" with a loop, else 1: for how many passes over the steps the proof holds.
        period: tokens of one pass of the loop; None without one.
        combinations: of tokens that can stand where the steps read, over all steps.
    """

    proved: bool
    prompt_tokens: int
    generated_tokens: int | None
    passes: int | str
    period: int | None
    vocabulary: int
    context: int | None
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


def prove(program: Program, predictor: LinearPredictor) -> Proof:
    """Check every step of the program against the predictor's stored weights, in every format of ``FORMATS``.

    Raises ProgramError if the program itself has faults or the predictor is not of its shape.
    """
    began = time.monotonic()
    checker = fitting_checker(program, predictor)
    semantics = checker.semantics
    verdicts, combinations, distinct, largest = {}, 0, 0, 0.0
    for name in FORMATS:
        prover = Prover(checker, predictor, name)
        verdicts[name] = prover.verdict()
        if name == "float32":
            combinations, distinct, largest = prover.combinations, len(prover.done), prover.largest
    single = verdicts["float32"]
    return Proof(
        proved=single.safe,
        prompt_tokens=len(program.slots),
        generated_tokens=None if semantics.period else len(program.steps),
        passes="any" if semantics.period else 1,
        period=semantics.period or None,
        vocabulary=predictor.vocabulary,
        context=None if semantics.period else program.length - 1,
        blocks=predictor.map.weight.shape[0],
        parameters=predictor.parameter_count(),
        bytes=sum(p.numel() * p.element_size() for p in predictor.parameters()),
        steps_checked=len(semantics.generated_steps),
        distinct_steps=distinct,
        combinations=combinations,
        minimum_margin=single.minimum_margin,
        largest_score=largest,
        safe_in=[name for name, verdict in verdicts.items() if verdict.safe],
        formats=verdicts,
        seconds=round(time.monotonic() - began, 3),
    )


def fitting_checker(program: Program, predictor: LinearPredictor) -> Checker:
    """The checker of the program, laid out. Raises ProgramError if it has faults or the predictor has another shape."""
    checker = Checker(program)
    if not checker.faults and program.loop is not None:
        checker = Checker(lay_out(program))
    semantics = checker.semantics
    if not checker.faults and predictor.vocabulary != len(semantics.words):
        checker.faults.append(f"the predictor has {predictor.vocabulary} tokens, not {len(semantics.words)}")
    if not checker.faults:
        checker.faults.extend(_other_shape(semantics, predictor))
    if checker.faults:
        raise ProgramError(f"program {program.name!r}", checker.faults)
    return checker


def _other_shape(semantics: Semantics, predictor: LinearPredictor) -> list[str]:
    """What about the predictor's map cannot be this program's."""
    causal = predictor.map
    if not semantics.period:
        if predictor.context is not None and predictor.context < semantics.start - 1:
            return [f"the predictor's context of {predictor.context} is below {semantics.start - 1}"]
        return []
    shape = (semantics.start - 1, semantics.period)
    if not isinstance(causal, PeriodicMap) or (causal.start, causal.period) != shape:
        return [f"the predictor's map does not repeat as the program does: from output {shape[0]} every {shape[1]}"]
    early = [(row, distance) for row, distance, _ in causal.reads if distance > row]
    return [f"the predictor's map reads before the first token: (row, distance) {early[:5]}"] if early else []


class Prover:
    """Goes through the steps in one number format."""

    def __init__(self, checker: Checker, predictor: LinearPredictor, name: str) -> None:
        self.semantics: Semantics = checker.semantics
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
        self._sets: dict[bytes, np.ndarray] = {}  # equal sets are one array
        first = self.semantics.first_tokens
        self.held = [  # for every row, the tokens that can stand there when something reads them
            self._one(checker.readable[item.name] + first[row]) for row, item in enumerate(self.semantics.items)
        ]
        self.done: dict[tuple[Any, ...], Outcome] = {}
        self.combinations = 0
        self.largest = 0.0

    def verdict(self) -> Verdict:
        faults: list[str] = []
        margin, exact = float("inf"), self.stored_exactly
        generated = zip(self.semantics.generated_steps, self.semantics.rules, strict=True)
        for row, (step, rule) in enumerate(generated, len(self.semantics.program.slots)):
            backs, blocks = self.reads(row, rule)
            held = [self.possible_tokens(row, back) for back in backs]
            order = [backs.index(self.semantics.back(row, ref)) for ref in rule.refs]
            if faults and self.name != "float32" and math.prod(map(len, held)) > MOST:
                continue  # this format is not safe already; what takes long would not change that
            key = (rule.shape, *order, *((id(each), block) for each, block in zip(held, blocks, strict=True)))
            if key not in self.done:
                self.done[key] = self.outcome(step, rule, self.sources(row, rule, backs, held))
            outcome = self.done[key]
            self.combinations += outcome.combinations
            self.largest = max(self.largest, outcome.largest)
            margin, exact = min(margin, outcome.margin), exact and outcome.exact
            if outcome.fault is not None:
                faults.append(f"step {step.name}: {outcome.fault}")
        return self._conclude(faults, margin, exact)

    def _conclude(self, faults: list[str], margin: float, exact: bool) -> Verdict:
        count = len(self.semantics.generated_steps)
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

    def _one(self, tokens: np.ndarray) -> np.ndarray:
        return self._sets.setdefault(tokens.tobytes(), tokens)

    def possible_tokens(self, row: int, back: int) -> np.ndarray:
        """The tokens that can stand ``back`` places before the one of this row, in any pass."""
        position, found = row - back, []
        while position < self.semantics.start:
            found.append(self.held[position])
            if row < self.semantics.start:
                return found[0]
            position += self.semantics.period
        found.append(self.held[self.semantics.row_of(position)])
        return found[0] if len(found) == 1 else self._one(np.unique(np.concatenate(found)))

    def reads(self, row: int, rule: Rule) -> tuple[list[int], list[bytes]]:
        """How far back the row's output reads or the rule refers, the farthest first as the map adds them; and the
        weights of the blocks that read there (nothing if there is no block)."""
        output = row - 1
        read = self.predictor.map.sources(output)
        mapped = range(1, row + 1) if read is None else [row - position for position in read]
        backs = sorted({*mapped, *(self.semantics.back(row, ref) for ref in rule.refs)}, reverse=True)
        blocks = [self.predictor.map.block(output, row - back) for back in backs]
        return backs, [b"" if block is None else block.detach().cpu().numpy().tobytes() for block in blocks]

    def sources(self, row: int, rule: Rule, backs: list[int], held: list[np.ndarray]) -> list[Source]:
        """What each token at these places adds to the features of the row's output, and to the rule's total."""
        refs = {self.semantics.back(row, ref): (ref, each) for ref, each in zip(rule.refs, rule.readings, strict=True)}
        sources = []
        for back, tokens in zip(backs, held, strict=True):
            block = self.predictor.map.block(row - 1, row - back)
            features = np.zeros((len(tokens), self.head.shape[1]))
            if block is not None:
                features = self._round((self.embedding[torch.from_numpy(tokens)] @ self._rounded(block).T).numpy())
            numbers = np.zeros(len(tokens), np.int64)
            if back in refs:
                ref, readings = refs[back]
                numbers = readings[tokens - self.semantics.begins[self.semantics.alphabet_of[ref]]]
            sources.append(Source(features, numbers))
        return sources

    def outcome(self, step: Step, rule: Rule, sources: list[Source]) -> Outcome:
        """Enumerate one step: features and total of every combination, then scores, then the margin."""
        if not all(len(source.numbers) for source in sources):
            return Outcome(float("inf"), True, 0, 0.0)  # no input reaches this step
        if not all(np.isfinite(source.features).all() for source in sources):
            return Outcome(0.0, False, 0, float("inf"), f"a feature overflows in {self.name}")
        features = np.zeros((1, self.head.shape[1]))
        total = np.full(1, rule.constant, dtype=np.int64)
        combinations = math.prod(len(source.numbers) for source in sources)
        bound = sum((np.abs(source.features).max(axis=0) for source in sources), np.zeros(self.head.shape[1]))
        exact = all(whole(source.features) for source in sources) and bool((bound <= self.whole).all())
        bounded = None
        if combinations > MOST and self.bias is None:
            first = self.semantics.begins[step.alphabet]
            bounded = by_bounds(rule, first, sources, self.head_array, self.whole, combinations)
            if bounded.fault is None:
                return bounded
        for source in sources:
            each, numbers = merged(source.features, source.numbers)
            if len(total) * len(numbers) > MOST:
                return not_enumerated(combinations) if bounded is None else bounded
            features = self._round((features[:, None, :] + each).reshape(-1, each.shape[1]))
            features, total = merged(features, (total[:, None] + numbers).reshape(-1))
        right = self.semantics.begins[step.alphabet] + rule.token(total)
        margin, largest, most, fault = float("inf"), 0.0, float(bound.max()), None
        rows = max(1, CHUNK // self.head.shape[0])
        for begin in range(0, len(total), rows):
            part = slice(begin, begin + rows)
            scores, sums_exact, terms = self._scores(features[part])
            exact, most = exact and sums_exact, max(most, terms)
            if not np.isfinite(scores).all():
                return Outcome(0.0, False, combinations, float("inf"), f"the scores overflow in {self.name}")
            best = scores[np.arange(len(scores)), right[part]]
            scores[np.arange(len(scores)), right[part]] = -np.inf
            rival = scores.argmax(axis=1)
            gaps = best - scores[np.arange(len(scores)), rival]
            worst = int(gaps.argmin())
            largest = max(largest, float(np.abs(best).max()))
            margin = min(margin, float(gaps[worst]))
            if gaps[worst] <= 0 and fault is None:
                words = self.semantics.words
                fault = (
                    f"{words[int(right[part][worst])]!r} is right and scores {best[worst]:g},"
                    f" {words[int(rival[worst])]!r} scores {best[worst] - gaps[worst]:g}"
                )
        if fault is None and not exact and self.name == "float32":
            # What is rounded depends on the order of adding; leave room for the worst order.
            error = (len(sources) + self.head.shape[1]) * 2.0**-23 * max(most, 1.0)
            if margin <= 2 * error:
                fault = f"the margin of {margin:g} is within twice the rounding error of {error:g}"
        return Outcome(margin, exact, combinations, largest, fault)

    def _scores(self, features: np.ndarray) -> tuple[np.ndarray, bool, float]:
        """Scores of all tokens rounded to the format (sums inside one score are kept wide, as matrix units do);
        whether every partial sum in any order is exact; the greatest sum of absolute terms."""
        with np.errstate(invalid="ignore"):  # features and scores that overflow a narrow format
            scores = features @ self.head_array.T
            if self.bias is not None:
                scores = scores + self.bias
            most = np.abs(features) @ np.abs(self.head_array).T
            up, down = (most + scores) / 2, (most - scores) / 2
        exact = (
            whole(self.head_array)
            and whole(features)
            and self.bias is None
            and float(max(up.max(), down.max())) <= self.whole
        )
        return self._round(scores), exact, float(most.max())
