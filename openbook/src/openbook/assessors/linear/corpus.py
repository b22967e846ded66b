"""What the linear assessor learns from: quotes of the published index, and whole papers whose answers the index gives.

The index says yes or no to each variable of a paper and quotes sentences for it. From that:

- a quote given for a *yes* is an example of that variable; in a paper whose answer is *no*, whatever is quoted for
  another variable is a counterexample. Answers that explain instead of quoting ("The paper does not ...") are left out;
- in a whole paper whose answer is *no*, every sentence is a counterexample; where it is *yes*, the sentences that were
  quoted are examples, and the others are unlabelled (``UNKNOWN``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from openbook.errors import OpenbookError
from openbook.evidence.checking import speaks_of_the_paper
from openbook.papers.characters import LIGATURES
from openbook.papers.paper import Paper
from openbook.papers.sentences import split_sentences
from openbook.variables import SCORED

THEORETICAL: Final = "theoretical"
TARGETS: Final = (*SCORED, THEORETICAL)
"""What sentences are scored for: the seven, and whether the paper is theoretical."""
UNKNOWN: Final = -1

Labels = npt.NDArray[np.int8]

_BETWEEN: Final = re.compile(r"\s*(?:\[\s?\.\.\.\s?\]|\.\.\.|\n|\||(?<=[.\]])\s*and\s+(?=[A-Z1-9])|;\s(?=[A-Z]))\s*")
_LETTERS: Final = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True)
class Corpus:
    """Labelled sentences. Labels are 1, 0 or ``UNKNOWN``, (item, target).

    ``quotes`` come from the index alone, from papers that are not among ``papers``; ``sentences[k]`` are those of
    ``papers[k]``, with ``sentence_labels[k]``; ``answers`` (paper, target) and ``affiliations`` are what the index says
    of the papers; ``blocks`` are the quoted author blocks of all other papers, with their affiliation codes.
    """

    papers: list[Paper]
    ids: list[str]
    years: list[int]
    answers: Labels
    affiliations: Labels
    sentences: list[list[str]]
    sentence_labels: list[Labels]
    quotes: list[str]
    quote_labels: Labels
    blocks: list[str]
    block_labels: Labels


def quoted_sentences(response: str) -> list[str]:
    """The sentences that a response quotes, without those in which the labeller speaks itself."""
    found = []
    for passage in _BETWEEN.split(response):
        passage = passage.strip(" \"'“”()")
        for start, end in split_sentences(passage):
            sentence = passage[start:end].strip(" \"'“”")
            if 12 <= len(sentence) < 1500 and not speaks_of_the_paper(sentence):
                found.append(sentence)
    return found


def load_corpus(
    records: Path,
    papers: Path,
    *,
    quotes: int,
    seed: int = 0,
    read: Callable[[str, str], Paper] | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Corpus:
    """Read ``records`` (the index as Parquet) and ``papers`` (Parquet with ``id`` and ``text``).

    ``quotes`` is how many papers of the index, beyond those given whole, lend their quotes. Raises OpenbookError for
    files that cannot be read, lack columns, or have no paper in common.
    """
    if read is None:
        from openbook.papers.reading import read_text

        read = read_text
    columns = ["id", "year", "research_type", "research_type_text", "affiliation", "affiliation_text"]
    columns += [name for variable in SCORED for name in (variable, variable + "_text")]
    index = {row["id"]: row for row in _rows(records, columns)}
    progress("reading whole papers")
    whole = [row for row in _rows(papers, ["id", "text"]) if row["id"] in index]
    if not whole:
        raise OpenbookError(f"no paper of {papers} has a record in {records}: their ids must agree")
    read_papers = [(row["id"], read(row["text"] or "", row["id"])) for row in whole]
    read_papers = [(key, paper) for key, paper in read_papers if paper.problem is None and paper.sentences]
    ids = [key for key, _ in read_papers]
    sentences = [[paper.words(sentence) for sentence in paper.sentences] for _, paper in read_papers]
    given = set(ids)
    others = [key for key in sorted(index) if key not in given]
    chosen = np.random.default_rng(seed).permutation(len(others))[:quotes]
    lenders = [index[others[place]] for place in sorted(chosen)]
    progress("collecting quotes")
    quote_texts, quote_labels = _quotes(lenders)
    return Corpus(
        papers=[paper for _, paper in read_papers],
        ids=ids,
        years=[int(index[key]["year"]) for key in ids],
        answers=np.array([_answers(index[key]) for key in ids], np.int8),
        affiliations=np.array([index[key]["affiliation"] for key in ids], np.int8),
        sentences=sentences,
        sentence_labels=[_located(index[key], texts) for key, texts in zip(ids, sentences, strict=True)],
        quotes=quote_texts,
        quote_labels=quote_labels,
        blocks=[index[key]["affiliation_text"] or "" for key in others],
        block_labels=np.array([index[key]["affiliation"] for key in others], np.int8),
    )


def _rows(path: Path, columns: Sequence[str]) -> list[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise OpenbookError(f"there is no file {str(path)!r}")
    try:
        schema = pq.read_schema(path)
        missing = [column for column in columns if column not in schema.names]
        if missing:
            raise OpenbookError(f"{path} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}")
        rows: list[dict[str, Any]] = pq.read_table(path, columns=list(columns)).to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise OpenbookError(f"{path} is not a Parquet file that can be read: {error}") from error
    return rows


def _answers(row: Mapping[str, Any]) -> list[int]:
    answers = [row[variable] if row[variable] in (0, 1) else UNKNOWN for variable in SCORED]
    return [*answers, row["research_type"] if row["research_type"] in (0, 1) else UNKNOWN]


def _responses(row: Mapping[str, Any]) -> Iterable[tuple[int, str]]:
    """(target, response) of the answers that quote."""
    for target, variable in enumerate(SCORED):
        if row[variable] == 1:
            yield target, row[variable + "_text"] or ""
    yield len(SCORED), row["research_type_text"] or ""


def _labels(answers: Sequence[int], targets: set[int]) -> list[int]:
    kind = len(SCORED)
    labels = [1 if target in targets else 0 if answers[target] == 0 else UNKNOWN for target in range(kind)]
    # A sentence quoted for the research type speaks for that type; nothing else does.
    return [*labels, answers[kind] if kind in targets else UNKNOWN]


def _quotes(rows: Iterable[Mapping[str, Any]]) -> tuple[list[str], Labels]:
    texts: list[str] = []
    labels: list[list[int]] = []
    for row in rows:
        targets: dict[str, set[int]] = {}
        for target, response in _responses(row):
            for sentence in quoted_sentences(response):
                targets.setdefault(sentence, set()).add(target)
        answers = _answers(row)
        for sentence, found in targets.items():
            texts.append(sentence)
            labels.append(_labels(answers, found))
    return texts, np.array(labels, np.int8).reshape(-1, len(TARGETS))


def _letters(text: str) -> str:
    for found, instead in LIGATURES.items():
        text = text.replace(found, instead)
    return _LETTERS.sub("", text.lower())


def _located(row: Mapping[str, Any], sentences: Sequence[str]) -> Labels:
    """Labels of a whole paper's sentences: a quote marks the sentences it holds, or that hold it."""
    answers = _answers(row)
    keys = [_letters(sentence) for sentence in sentences]
    targets: list[set[int]] = [set() for _ in keys]
    for target, response in _responses(row):
        for sentence in quoted_sentences(response):
            quote = _letters(sentence)
            if len(quote) < 8:
                continue
            for place, key in enumerate(keys):
                if len(key) >= 10 and (quote in key or (len(key) > 0.3 * len(quote) and key in quote)):
                    targets[place].add(target)
    return np.array([_labels(answers, found) for found in targets], np.int8).reshape(-1, len(TARGETS))
