"""Prevalence corrected for an assessor that errs, from its sensitivity and specificity on labelled papers."""

from __future__ import annotations

from typing import Final

from openbook.corpus.validation.agreement import Confusion
from openbook.corpus.validation.intervals import Interval
from openbook.record.scores import Z95

#: Below this value of Youden's index (sensitivity + specificity - 1) an answer says too little to be corrected.
LEAST_YOUDEN: Final = 0.05


def rogan_gladen(apparent: float, sensitivity: float, specificity: float) -> float | None:
    """The share of papers that truly have something, from the share that were said to have it.

    Rogan & Gladen 1978 (Am J Epidemiol 107:71): ``(apparent + specificity - 1) / (sensitivity + specificity - 1)``,
    kept within 0..1. None where the answers hardly depend on the truth.
    """
    youden = sensitivity + specificity - 1
    if youden < LEAST_YOUDEN:
        return None
    return min(1.0, max(0.0, (apparent + specificity - 1) / youden))


def lang_reiczigel(apparent: float, papers: int, table: Confusion) -> Interval | None:
    """The interval of the corrected share, with sensitivity and specificity estimated from labelled papers.

    Lang & Reiczigel 2014 (Prev Vet Med 113:13). ``apparent`` is the share of yes among ``papers`` papers; ``table`` counts
    the labelled ones. None where there are no labelled papers of one kind, or the answers hardly depend on the truth.
    """
    ill, well = table.tp + table.fn, table.tn + table.fp
    if not ill or not well or not papers:
        return None
    z = Z95
    # All three shares are first drawn towards one half, as Agresti and Coull do, so that 0 and 1 keep a width.
    n = papers + z**2
    share = (papers * apparent + z**2 / 2) / n
    n_ill, n_well = ill + 2, well + 2
    sensitivity, specificity = (table.tp + 1) / n_ill, (table.tn + 1) / n_well
    youden = sensitivity + specificity - 1
    if youden < LEAST_YOUDEN:
        return None
    corrected = (share + specificity - 1) / youden
    of_sensitivity = sensitivity * (1 - sensitivity) / n_ill
    of_specificity = specificity * (1 - specificity) / n_well
    shift = 2 * z**2 * (corrected * of_sensitivity - (1 - corrected) * of_specificity)
    width = (
        z
        / youden
        * (share * (1 - share) / n + corrected**2 * of_sensitivity + (1 - corrected) ** 2 * of_specificity) ** 0.5
    )
    centre = corrected + shift
    return min(1.0, max(0.0, centre - width)), max(0.0, min(1.0, centre + width))
