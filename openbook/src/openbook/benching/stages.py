"""Papers per second of each stage, in one process and in several at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from openbook.papers.paper import Paper

#: Quotes looked for in each paper in the stage ``evidence``: this many sentences of it, every other one damaged.
QUOTES: Final = 14

Work = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Speed:
    """What was measured of one stage. ``rate`` is papers per second, all processes together."""

    stage: str
    processes: int
    papers: int
    seconds: float
    rate: float


def measure(paths: Sequence[Path], processes: int, *, assessor: bool = True) -> list[Speed]:
    """Each stage over all papers, split among ``processes`` that run at the same time.

    Stages: ``read_pdf`` and ``read_text`` (file to ``Paper``, whatever formats are among the papers), ``sentences``
    (splitting, a part of reading), ``assess`` (linear), ``evidence`` (locating quotes), ``whole`` (all of it, to a
    record). Starting processes and loading weights are not counted.
    """
    ordered = sorted(paths, key=lambda path: path.suffix.lower() == ".pdf")  # so that each part has its share of both
    parts = [part for part in (ordered[at::processes] for at in range(processes)) if part]
    with ProcessPoolExecutor(len(parts), mp_context=get_context("spawn")) as pool:
        measured = list(pool.map(_measure_part, parts, [assessor] * len(parts)))
    speeds = []
    for stage in dict.fromkeys(stage for part in measured for stage in part):
        done = [part[stage] for part in measured if stage in part]
        speeds.append(
            Speed(
                stage=stage,
                processes=len(done),
                papers=sum(count for count, _ in done),
                seconds=max(seconds for _, seconds in done),
                rate=sum(count / seconds for count, seconds in done),
            )
        )
    return speeds


def _measure_part(paths: list[Path], assessor: bool) -> dict[str, tuple[int, float]]:
    """Papers and seconds by stage, in this process."""
    from openbook.evidence.finder import Finder
    from openbook.papers.reading import read_paper
    from openbook.papers.sentences import split_sentences

    done: dict[str, tuple[int, float]] = {}
    papers: list[Paper] = []
    read_paper(paths[0])
    for name, chosen in (
        ("read_pdf", [path for path in paths if path.suffix.lower() == ".pdf"]),
        ("read_text", [path for path in paths if path.suffix.lower() != ".pdf"]),
    ):
        if chosen:
            start = time.perf_counter()
            papers += [read_paper(path) for path in chosen]
            done[name] = len(chosen), time.perf_counter() - start
    papers = [paper for paper in papers if paper.problem is None]
    if not papers:
        return done
    done["sentences"] = _timed(papers, lambda paper: sum(1 for _ in split_sentences(paper.text)))
    done["evidence"] = _timed(papers, lambda paper: [Finder(paper).evidence(quote) for quote in _quotes(paper)])
    if assessor:
        from openbook.assessing.recording import assess_paper
        from openbook.assessors.linear import LinearAssessor

        linear = LinearAssessor()
        linear.assess(papers[0])
        done["assess"] = _timed(papers, linear.assess)
        start = time.perf_counter()
        for path in paths:
            paper = read_paper(path)
            if paper.problem is None:
                assess_paper(paper, linear)
        done["whole"] = len(paths), time.perf_counter() - start
    return done


def _timed(papers: list[Paper], work: Callable[[Paper], object]) -> tuple[int, float]:
    start = time.perf_counter()
    for paper in papers:
        work(paper)
    return len(papers), time.perf_counter() - start


def _quotes(paper: Paper) -> list[str]:
    """Sentences spread over the paper; every other one has lost a letter, so that it must be found by similarity."""
    texts = [text for sentence in paper.sentences if 60 <= len(text := paper.words(sentence)) <= 300]
    chosen = texts[:: max(1, len(texts) // QUOTES)][:QUOTES]
    return [text if place % 2 else text[:30] + text[31:] for place, text in enumerate(chosen)]
