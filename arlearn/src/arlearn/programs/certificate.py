"""A certificate: all that a proof used, in a form that a stranger can verify without this package.

For every token of the program (each slot, each step, each step of the loop) it lists which tokens can stand there, which
earlier places are read, which tokens can stand in those, what number each of them counts for, and which token each total
of these numbers demands. ``tools/check_certificate.py`` recomputes from the stored weights that the demanded token has the
single highest score for every combination, and that the sets are closed: what can be written is what can be read.

The file is JSON; docs/programs.md describes its entries.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from arlearn.errors import ArlearnError
from arlearn.files import file_sha256, sha256
from arlearn.predictors.linear import LinearPredictor
from arlearn.programs.combinations import totals
from arlearn.programs.proving import Prover, fitting_checker
from arlearn.programs.steps import Program, written
from arlearn.programs.text import to_json

FORMAT = "arlearn certificate 1"
MOST = 200_000  # totals of one step that a certificate lists


def certificate(program: Program, predictor: LinearPredictor, safe_in: list[str]) -> dict[str, Any]:
    """The certificate of a proved program, without the hash of the weights' file (``seal`` adds it).

    ``safe_in``: the number formats of the proof. Raises ArlearnError if a step has more totals than can be listed.
    """
    checker = fitting_checker(program, predictor)
    prover = Prover(checker, predictor, "float32")
    semantics = checker.semantics
    slots = len(semantics.program.slots)
    sets, tables = _Numbered(), _Numbered()
    rules: dict[str, int] = {}
    phases: list[dict[str, Any]] = [
        {"name": slot.name, "tokens": sets.number(prover.held[row].tolist())}
        for row, slot in enumerate(semantics.program.slots)
    ]
    margins: dict[str, float] = {}
    for row, (step, rule) in enumerate(zip(semantics.generated_steps, semantics.rules, strict=True), slots):
        backs, blocks = prover.reads(row, rule)
        held = [prover.possible_tokens(row, back) for back in backs]
        sources = prover.sources(row, rule, backs, held)
        places = {semantics.back(row, ref) for ref in rule.refs}
        reads = []
        for back, tokens, source in zip(backs, held, sources, strict=True):
            read = {"back": back, "tokens": sets.number(tokens.tolist())}
            if back in places:
                read["table"] = tables.number(
                    [list(map(int, pair)) for pair in zip(tokens, source.numbers, strict=True)]
                )
            reads.append(read)
        can = checker.reach[step.name] + semantics.first_tokens[row]
        first = semantics.begins[step.alphabet]
        found = totals(rule, [checker.readable[ref] for ref in rule.refs]) if len(can) else np.zeros(0, np.int64)
        if len(found) > MOST:
            raise ArlearnError(
                f"step {step.name} tells {len(found)} totals apart, a certificate lists up to {MOST}; split the step up"
            )
        demands = [[int(total), int(token)] for total, token in zip(found, first + rule.token(found), strict=True)]
        text = json.dumps({"constant": rule.constant, "demands": demands})
        number = rules.setdefault(text, len(rules))
        key = json.dumps([number, [[r["tokens"], r.get("table")] for r in reads]]) + repr(blocks)
        if key not in margins:
            margins[key] = prover.outcome(step, rule, sources).margin
        phases.append(
            {
                "name": step.name,
                "step": written(step),
                "tokens": sets.number(can.tolist()),
                "rule": number,
                "reads": reads,
                "margin": None if np.isinf(margins[key]) else margins[key],
            }
        )
    return {
        "format": FORMAT,
        "program": program.name,
        "program_sha256": program_sha256(to_json(program)),
        "map": {"kind": predictor.map.kind, "configuration": predictor.map.configuration()},
        "vocabulary": semantics.words,
        "slots": slots,
        "start": semantics.start,
        "period": semantics.period,
        "halt": sorted(semantics.halting),
        "passes": "any" if semantics.period else 1,
        "minimum_margin": min(margins.values(), default=float("inf")),
        "safe_in": safe_in,
        "sets": sets.items,
        "tables": tables.items,
        "rules": [json.loads(text) for text in rules],
        "phases": phases,
    }


def seal(found: dict[str, Any], model: Path) -> str:
    """The certificate's text, with the hash of the weights that were written to ``model``."""
    sealed = {**found, "weights_sha256": file_sha256(model / "model.safetensors")}
    lists = {key: sealed.pop(key) for key in ("vocabulary", "sets", "tables", "rules", "phases")}
    head = json.dumps(sealed, indent=1, ensure_ascii=False)[:-2]
    tail = [f' "{key}": [\n  ' + ",\n  ".join(_line(item) for item in items) + "\n ]" for key, items in lists.items()]
    return head + ",\n" + ",\n".join(tail) + "\n}\n"


def program_sha256(description: dict[str, Any]) -> str:
    """The hash of a program's JSON description, as a model's card has it, with sorted keys and without spaces."""
    return sha256(json.dumps(description, sort_keys=True, separators=(",", ":"), ensure_ascii=False))


def _line(item: Any) -> str:
    return json.dumps(item, ensure_ascii=False)


class _Numbered:
    """Equal lists get one number."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self._numbers: dict[str, int] = {}

    def number(self, item: list[Any]) -> int:
        text = json.dumps(item)
        if text not in self._numbers:
            self._numbers[text] = len(self.items)
            self.items.append(item)
        return self._numbers[text]
