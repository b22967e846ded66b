"""From the scores of a paper's sentences to features of the paper.

A paper answers a variable if some sentence does (multiple instances), so what counts is the best few scores, how many
are high, and how often the turns of phrase that bear on the variable occur. The best scores for the other variables are
features too: a paper without experiments has neither splits nor a setup.

Left out are sentences of the reference list and of author checklists, and fragments of fewer than four words. Texts
whose reference heading was lost still end in a reference list: it is found by what its entries look like.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from openbook.assessors.linear.corpus import TARGETS, THEORETICAL
from openbook.assessors.linear.patterns import NAMES
from openbook.papers.paper import Paper

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

BEARING: Final[dict[str, tuple[str, ...]]] = {
    "pseudocode": (
        "algorithm_caption", "algorithm_first", "algorithm_named", "algorithm_line", "algorithm_end", "algorithm_input",
        "pseudocode",
    ),
    "open_source_code": (
        "code_available", "code_own", "code_link", "code_own_link", "code_supplement", "code_others", "code_future",
        "footnote_link", "authors_page", "statement",
    ),
    "open_datasets": (
        "data_name", "data_cited", "data_link", "data_public", "data_used", "data_synthetic", "data_private",
        "statement_named", "table", "experiment", "footnote_link",
    ),
    "dataset_splits": (
        "cross_validation", "validation_set", "test_set", "train_set", "split_counts", "split_percent", "split_words",
        "statement_named", "data_used", "compared", "table",
    ),
    "hardware_specification": ("gpu", "hardware_model", "memory_size", "processor", "ran_on"),
    "software_dependencies": (
        "software_version", "software_release", "software_numbered", "software_name", "hardware_model",
    ),
    "experiment_setup": (
        "step_size", "batch_size", "parameter_set", "parameter_number", "hyperparameter", "equals_number", "network",
        "repetitions", "statement", "statement_named", "experiment", "experiment_heading", "figure", "data_used",
        "data_synthetic",
    ),
    "theoretical": (
        "statement", "statement_named", "experiment", "experiment_heading", "figure", "table", "compared", "data_used",
        "data_synthetic", "data_name",
    ),
}  # fmt: skip
"""The patterns whose counts are features of a paper, per target."""

_COLUMNS: Final = {
    target: np.array([NAMES.index(name) for name in names], np.int64) for target, names in BEARING.items()
}
LEAST: Final = 0.0
"""A sentence says by itself that something is documented when its log odds are above this."""
_FLOOR: Final = -8.0
_BEST: Final = 10
_ENTRY: Final = re.compile(
    r"[A-Z][\w'’-]+, (?:[A-Z]\. ?-?)+|\bpp\. ?\d|Proceedings of|\bar ?Xiv|Journal|, (?:19|20)\d\d[a-z]?\.\s*$"
)


def eligible(paper: Paper, sentences: Sequence[str]) -> Bools:
    """Which sentences may speak for the paper."""
    keep = np.ones(len(sentences), np.bool_)
    for place, sentence in enumerate(paper.sentences):
        if paper.sections and 0 <= sentence.section < len(paper.sections):
            keep[place] = paper.sections[sentence.section].part not in ("references", "checklist")
        if keep[place] and sentence.kind == "text":
            keep[place] = sentences[place].count(" ") + sentences[place].count("\n") >= 3
    keep[_references_start(sentences) :] = False
    return keep


def _references_start(sentences: Sequence[str]) -> int:
    """Where a reference list starts that runs to the end: the suffix in which entries outweigh prose."""
    first = int(len(sentences) * 0.4)
    gains = np.array([0.65 if _is_entry(sentence) else -0.35 for sentence in sentences[first:]])
    if not len(gains):
        return len(sentences)
    suffix = np.cumsum(gains[::-1])[::-1]
    best = int(np.argmax(suffix))
    return first + best if suffix[best] > 2 else len(sentences)


def _is_entry(sentence: str) -> bool:
    # Two plain searches spare most sentences the expression.
    return ("19" in sentence or "20" in sentence or "pp" in sentence or ", " in sentence[:40]) and bool(
        _ENTRY.search(sentence)
    )


def pool(scores: Floats, flags: Floats, keep: Bools) -> tuple[Floats, Floats]:
    """Features of one paper: (target, 7) of the scores, and (pattern,) log counts.

    ``scores`` (sentence, target) are log odds, ``flags`` (sentence, pattern) is 1 where a pattern stands, ``keep`` says
    which sentences count.
    """
    kept = scores[keep]
    ordered = np.sort(np.vstack([kept, np.full((_BEST, scores.shape[1]), _FLOOR, np.float32)]), axis=0)[::-1]
    ordered = np.maximum(ordered, _FLOOR)
    pooled = np.stack(
        [
            ordered[0],
            ordered[1],
            ordered[2],
            ordered[4],
            ordered[:_BEST].mean(axis=0),
            np.log1p((kept > 0).sum(axis=0)),
            np.log1p((1 / (1 + np.exp(-kept))).sum(axis=0)),
        ],
        axis=1,
    )
    return pooled.astype(np.float32), np.log1p(flags[keep].sum(axis=0)).astype(np.float32)


def is_yes(target: str, chance: float, threshold: float, pooled: Floats) -> bool:
    """Whether a paper's answer is yes: its chance reaches the threshold, and one sentence says so by itself.

    Counts and the other variables alone may carry a chance over the threshold; a yes needs a sentence to quote, one whose
    log odds are above zero. The research type is a matter of the whole paper and needs none.
    """
    convincing = target == THEORETICAL or pooled[TARGETS.index(target), 0] > LEAST
    return chance >= threshold and bool(convincing)


def features(target: str, pooled: Floats, counts: Floats) -> Floats:
    """What the second layer sees for one target: (feature,)."""
    row = TARGETS.index(target)
    others = np.delete(np.arange(len(TARGETS)), row)
    return np.concatenate([pooled[row], pooled[others, 0], pooled[others, 5], counts[_COLUMNS[target]]])
