"""Papers per second of each stage, in one process and in several at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Final, TypeVar

from openbook.papers.paper import Paper

#: Quotes looked for in each paper in the stage ``evidence``: this many sentences of it, every other one damaged.
QUOTES: Final = 14

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Speed:
    """What was measured of one stage.

    ``rate`` is papers per second, all processes together; ``cpu_rate`` papers per second of processor time, which other
    programs on the machine disturb less.
    """

    stage: str
    processes: int
    papers: int
    seconds: float
    rate: float
    cpu_rate: float


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
                papers=sum(one.papers for one in done),
                seconds=max(one.seconds for one in done),
                rate=sum(one.papers / one.seconds for one in done),
                cpu_rate=sum(one.papers for one in done) / max(1e-9, sum(one.cpu for one in done)),
            )
        )
    return speeds


@dataclass(frozen=True, slots=True)
class _Part:
    """What one process measured of one stage: papers, seconds, seconds of processor time."""

    papers: int
    seconds: float
    cpu: float


def _measure_part(paths: list[Path], assessor: bool) -> dict[str, _Part]:
    """Each stage, in this process."""
    from openbook.evidence.locating import Finder
    from openbook.papers.reading import read_paper
    from openbook.papers.sentences import split_sentences

    done: dict[str, _Part] = {}
    papers: list[Paper] = []
    read_paper(paths[0])
    for name, chosen in (
        ("read_pdf", [path for path in paths if path.suffix.lower() == ".pdf"]),
        ("read_text", [path for path in paths if path.suffix.lower() != ".pdf"]),
    ):
        if chosen:
            done[name] = _timed(chosen, lambda path: papers.append(read_paper(path)))
    papers = [paper for paper in papers if paper.problem is None]
    if not papers:
        return done
    done["sentences"] = _timed(papers, lambda paper: sum(1 for _ in split_sentences(paper.text)))
    done["evidence"] = _timed(papers, lambda paper: [Finder(paper).evidence(quote) for quote in _quotes(paper)])
    if assessor:
        from openbook.assess.pipeline import assess_paper
        from openbook.assessors.linear.assessor import LinearAssessor

        linear = LinearAssessor()
        linear.assess(papers[0])
        done["assess"] = _timed(papers, linear.assess)
        done["whole"] = _timed(paths, lambda path: assess_paper(read_paper(path), linear))
    return done


def _timed(items: list[Item], work: Callable[[Item], object]) -> _Part:
    start, cpu = time.perf_counter(), time.process_time()
    for item in items:
        work(item)
    return _Part(len(items), time.perf_counter() - start, time.process_time() - cpu)


def _quotes(paper: Paper) -> list[str]:
    """Sentences spread over the paper; every other one has lost a letter, so that it must be found by similarity."""
    texts = [text for sentence in paper.sentences if 60 <= len(text := paper.words(sentence)) <= 300]
    chosen = texts[:: max(1, len(texts) // QUOTES)][:QUOTES]
    return [text if place % 2 else text[:30] + text[31:] for place, text in enumerate(chosen)]
