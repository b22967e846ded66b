"""Trains, measures and ships the linear assessor: what ``openbook train-linear`` does."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np

from openbook.assessors.linear.assessor import SHIPPED
from openbook.assessors.linear.blocks import affiliation, fit_blocks
from openbook.assessors.linear.corpus import Corpus, load_corpus
from openbook.assessors.linear.layers import LinearModel, SentenceLayer, save_model
from openbook.assessors.linear.learning import DEFAULTS, Settings, fit_all_papers, fit_sentences, prepare
from openbook.assessors.linear.report import cross_validate, report
from openbook.errors import OpenbookError

_CODES: Final = {0: "academia", 1: "collaboration", 2: "industry"}
"""What the index means by its affiliation codes, judged by the author blocks that it quotes."""


def steps(folds: int, *, measure_only: bool) -> int:
    """How often ``train`` reports progress."""
    return 5 + folds * (folds + 1) // 2 + (0 if measure_only else 1)


def train(
    records: Path,
    papers: Path,
    out: Path | None = None,
    *,
    folds: int = 5,
    settings: Settings = DEFAULTS,
    draws: int = 1000,
    measure_only: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Measure by cross-validation, then fit on everything and write the weights to ``out`` (default: as shipped).

    ``draws`` is the number of bootstrap samples behind each interval. Returns agreement per variable and how it was made. The same data, seed and versions give the same weights. Raises
    OpenbookError when the data cannot be used.
    """
    if out is not None and out.exists() and not out.is_dir():
        raise OpenbookError(f"{out} is a file: give a folder for the weights")
    corpus = load_corpus(records, papers, quotes=settings.quotes, seed=settings.seed, progress=progress)
    if len(corpus.ids) < 2 * folds:
        raise OpenbookError(
            f"{len(corpus.ids)} whole papers with records are too few for {folds} folds: give at least {2 * folds}"
        )
    if not len(corpus.quotes):
        raise OpenbookError(f"{records} quotes nothing beyond the papers of {papers}: there is nothing to learn from")
    data = prepare(corpus, settings, progress)
    held_out = cross_validate(data, folds, settings, progress)
    agreement = report(corpus.answers, held_out, draws=draws, seed=settings.seed)
    blocks = fit_blocks(corpus, progress=progress)
    result: dict[str, Any] = {
        "papers": len(corpus.ids),
        "quotes": len(corpus.quotes),
        "folds": folds,
        "agreement": agreement,
        "affiliation": _affiliations(corpus, blocks),
        "out": None,
    }
    if measure_only:
        return result
    progress("fitting on all papers")
    folder = out or SHIPPED
    model = LinearModel(
        sentences=fit_sentences(data, np.arange(len(corpus.ids)), settings),
        papers=fit_all_papers(corpus.answers, held_out.pooled, settings),
        blocks=blocks,
        card={
            "trained": datetime.now(UTC).strftime("%Y-%m-%d"),
            "data": {
                "records_sha256": _sha256(records),
                "papers_sha256": _sha256(papers),
                "papers": len(corpus.ids),
                "quotes": len(corpus.quotes),
            },
            "labels": "gemini-2.5-flash, as published in the index (arXiv:2606.16974)",
            "settings": asdict(settings),
            "folds": folds,
            "versions": {
                "python": platform.python_version(),
                **{name: version(name) for name in ("openbook", "numpy", "scipy", "scikit-learn")},
            },
            "agreement": agreement,
            "affiliation": result["affiliation"],
        },
    )
    save_model(model, folder)
    result["out"] = str(folder)
    return result


def _affiliations(corpus: Corpus, blocks: SentenceLayer) -> dict[str, Any]:
    """Agreement on whole papers; the block layer has seen none of them."""
    from sklearn.metrics import cohen_kappa_score

    truth, said = [], []
    for paper, code in zip(corpus.papers, corpus.affiliations.tolist(), strict=True):
        if code in _CODES:
            truth.append(_CODES[code])
            said.append(affiliation(paper, blocks)[0])
    return {
        "papers": len(truth),
        "kappa": float(cohen_kappa_score(truth, said)) if len({*truth, *said}) > 1 else None,
        "accuracy": float(np.mean([one == other for one, other in zip(truth, said, strict=True)])) if truth else None,
        "unknown": said.count("unknown"),
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
