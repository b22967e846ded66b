"""Papers per second of each stage, in one process and in several at once; and made-up papers to measure with.

Made-up papers come from a seed. They have the size and layout of papers, and meaningless words.
"""

from __future__ import annotations

import random
import textwrap
import time
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Final, TypeVar

from openbook.papers.paper import Paper

_WORDS: Final = """
    the of a in to and we is for that with on as by are model data method learning function each algorithm results
    set training bound problem our this matrix sample error number between optimal estimate which parameter
    variables can distribution kernel gradient convex linear performance approach consider random online regret
    policy value feature
""".split()
_SECTIONS: Final = (
    "Introduction",
    "Related Work",
    "Preliminaries",
    "Method",
    "Analysis",
    "Experiments",
    "Results",
    "Conclusion",
)
_FACTS: Final = (
    "Algorithm {n}: a search over {m} candidate orderings with early pruning.",
    "The code of this paper is available at https://example.org/release/{n}.",
    "We use the Orchard benchmark (Gardener and Miller, 20{n:02d}) with {m} labelled images.",
    "We train on {m} examples, validate on {n} and test on {n}.",
    "All runs took {n} hours on two processors of the model Q-{m} with {n} GB of memory.",
    "The software is written in Python 3.{n} with the library tensorbox {n}.{n}.",
    "The learning rate is 0.{n:02d}, the batch size {m}, and training lasts {n} epochs.",
)


def make_text(seed: int, pages: int = 9) -> str:
    """The text of one paper: title, authors, abstract, numbered sections, references; form feeds between pages."""
    rng = random.Random(seed)
    words_per_section = pages * 620 // len(_SECTIONS)
    blocks = [_title(rng), "Ada Example, Boole Sample", "Abstract", _paragraph(rng, 150)]
    for number, title in enumerate(_SECTIONS, 1):
        blocks.append(f"{number} {title}")
        blocks += [_paragraph(rng, 110) for _ in range(max(1, words_per_section // 110))]
    blocks.append("References")
    blocks += [f"Writer, A. and Reader, B. {_title(rng)}. Journal of Samples, 20{n:02d}." for n in range(5, 25)]
    whole = "\n\n".join(blocks)
    lines = whole.split("\n\n")
    size = max(1, len(lines) // pages)
    return "\f".join("\n\n".join(lines[at : at + size]) for at in range(0, len(lines), size))


def _title(rng: random.Random) -> str:
    return " ".join(rng.choice(_WORDS) for _ in range(8)).title()


def _paragraph(rng: random.Random, words: int) -> str:
    sentences: list[str] = []
    while sum(len(sentence.split()) for sentence in sentences) < words:
        if rng.random() < 0.04:
            sentences.append(rng.choice(_FACTS).format(n=rng.randint(2, 20), m=rng.randint(100, 9999)))
            continue
        body = " ".join(rng.choice(_WORDS) for _ in range(rng.randint(9, 32)))
        sentences.append(f"{body.capitalize()}.")
    return " ".join(sentences)


def make_pdf(text: str) -> bytes:
    """A two-column PDF of a text, in a standard font, with compressed pages."""
    columns: list[list[str]] = [[]]
    for block in text.replace("\f", "\n\n").split("\n\n"):
        for line in [*textwrap.wrap(block, 52), ""]:
            if len(columns[-1]) == 58:
                columns.append([])
            columns[-1].append(line)
    pages = [columns[at : at + 2] for at in range(0, len(columns), 2)]
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b""]
    objects.append(b"<< /Type /Font /Subtype /Type1 /BaseFont /Times-Roman >>")
    kids = []
    for page in pages:
        stream = zlib.compress(_drawn(page))
        objects.append(b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (len(stream), stream))
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F 3 0 R >> >> "
            b"/Contents %d 0 R >>" % len(objects)
        )
        kids.append(b"%d 0 R" % len(objects))
    objects[1] = b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(kids), b" ".join(kids))
    return _assembled(objects)


def _drawn(columns: list[list[str]]) -> bytes:
    parts = [b"BT /F 9 Tf 12 TL"]
    for place, lines in enumerate(columns):
        parts.append(b"1 0 0 1 %d 740 Tm" % (50 + 265 * place))
        for line in lines:
            escaped = line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
            parts.append(b"(%s) Tj T*" % escaped.encode("latin-1", "replace"))
    return b"\n".join([*parts, b"ET"])


def _assembled(objects: list[bytes]) -> bytes:
    out = bytearray(b"%PDF-1.5\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(out)


def write_papers(folder: Path, count: int, *, seed: int = 0) -> list[Path]:
    """``count`` papers, as PDF and as text, in a folder. The same seed gives the same files."""
    paths = []
    for index in range(count):
        text = make_text(seed * 1_000_003 + index)
        for ending, data in ((".pdf", make_pdf(text)), (".txt", text.encode())):
            path = folder / f"synthetic_{index:03d}{ending}"
            path.write_bytes(data)
            paths.append(path)
    return paths


#: Quotes looked for in each paper in the stage ``evidence``: this many sentences of it, every other one damaged.
QUOTES: Final = 14

T = TypeVar("T")


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


def _timed(items: list[T], work: Callable[[T], object]) -> _Part:
    start, cpu = time.perf_counter(), time.process_time()
    for item in items:
        work(item)
    return _Part(len(items), time.perf_counter() - start, time.process_time() - cpu)


def _quotes(paper: Paper) -> list[str]:
    """Sentences spread over the paper; every other one has lost a letter, so that it must be found by similarity."""
    texts = [text for sentence in paper.sentences if 60 <= len(text := paper.words(sentence)) <= 300]
    chosen = texts[:: max(1, len(texts) // QUOTES)][:QUOTES]
    return [text if place % 2 else text[:30] + text[31:] for place, text in enumerate(chosen)]
