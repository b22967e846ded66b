"""What the linear assessor learns from: quotes of the published index, whole papers with the index's answers, and sentences
that were read and labelled.

The index says yes or no to each variable of a paper and quotes sentences for it. From that:

- a quote given for a *yes* is an example of that variable; in a paper whose answer is *no*, whatever is quoted for
  another variable is a counterexample. Answers that explain instead of quoting ("The paper does not ...") are left out;
- in a whole paper whose answer is *no*, every sentence is a counterexample; where it is *yes*, the sentences that were
  quoted are examples, and the others are unlabelled (``UNKNOWN``).

Labelled sentences (``gold``) say of single sentences of whole papers which of the seven each proves by itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from openbook.assessors.linear.model import TARGETS
from openbook.errors import OpenbookError
from openbook.evidence.checking import speaks_of_the_paper
from openbook.files import read_csv, sha256
from openbook.papers.characters import LIGATURES
from openbook.papers.paper import Paper
from openbook.papers.sentences import split_sentences
from openbook.variables import SCORED

UNKNOWN: Final = -1

LabelArray = npt.NDArray[np.int8]
OnMessage = Callable[[str], None]

_BETWEEN: Final = re.compile(r"\s*(?:\[\s?\.\.\.\s?\]|\.\.\.|\n|\||(?<=[.\]])\s*and\s+(?=[A-Z1-9])|;\s(?=[A-Z]))\s*")
_LETTERS: Final = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True)
class GoldSentence:
    """A sentence of a whole paper that was read.

    ``proves`` (variable,) is 1, 0, or ``UNKNOWN`` where nobody said; ``sure`` is false where the reader doubted. ``text``
    is its letters, or ``#`` and the hash of them where the table keeps no text (``sentence_key``).
    """

    text: str
    before: str
    proves: LabelArray
    sure: bool
    around: tuple[str, str, str, str] | None = None
    """Section, text before, the sentence and text after as they were printed, where the table keeps them."""


@dataclass(frozen=True)
class Corpus:
    """Labelled sentences. Labels are 1, 0 or ``UNKNOWN``, (item, target).

    ``quotes`` come from the index alone, from papers that are not among ``papers`` nor of their venues and years, so that
    papers held out there stay unseen. Per whole paper: ``answers`` (paper, target) and ``affiliations`` are what the index
    says, ``UNKNOWN`` where it has no record; ``quoted`` its record, ``gold`` its labelled sentences. ``loose`` are labelled
    sentences, with what stands around them, of further papers that are not given whole, a list a paper.
    """

    papers: list[Paper]
    ids: list[str]
    answers: LabelArray
    affiliations: LabelArray
    quoted: list[Mapping[str, Any] | None]
    gold: list[list[GoldSentence]]
    loose: list[list[GoldSentence]]
    quotes: list[str]
    quote_labels: LabelArray


def quoted_sentences(response: str) -> list[str]:
    """The sentences that a response quotes, without those in which the labeller speaks in its own words."""
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
    papers: Sequence[Path],
    gold: Sequence[Path] = (),
    *,
    quotes: int,
    seed: int = 0,
    on_progress: OnMessage = lambda _: None,
) -> Corpus:
    """Read ``records`` (the index), ``papers`` (``id`` and ``text``) and ``gold`` (labelled sentences), all Parquet.

    ``quotes`` is how many papers of the index, beyond those given whole, lend their quotes. Raises OpenbookError for
    files that cannot be read, lack columns, or have no paper in common.
    """
    from openbook.papers.reading import read_text

    columns = ["id", "year", "research_type", "research_type_text", "affiliation"]
    columns += [name for variable in SCORED for name in (variable, variable + "_text")]
    index = {row["id"]: row for row in _rows(records, columns, optional=("venue",))}
    labelled = _gold(gold)
    on_progress("reading whole papers")
    whole = [
        row for path in papers for row in _rows(path, ["id", "text"]) if row["id"] in index or row["id"] in labelled
    ]
    if not whole:
        named = ", ".join(str(path) for path in papers)
        raise OpenbookError(f"no paper of {named} has a record in {records}: their ids must agree")
    read_papers = [(row["id"], read_text(row["text"] or "", row["id"])) for row in whole]
    read_papers = [(key, paper) for key, paper in read_papers if paper.problem is None and paper.sentences]
    ids = [key for key, _ in read_papers]
    given = {row["id"] for row in whole}
    groups = {(index[key]["venue"], index[key]["year"]) for key in given if key in index and index[key].get("venue")}
    others = [
        key for key in sorted(index) if key not in given and (index[key].get("venue"), index[key]["year"]) not in groups
    ]
    chosen = np.random.default_rng(seed).permutation(len(others))[:quotes]
    on_progress("collecting quotes")
    quote_texts, quote_labels = _quotes([index[others[place]] for place in sorted(chosen)])
    unknown = [UNKNOWN] * len(TARGETS)
    return Corpus(
        papers=[paper for _, paper in read_papers],
        ids=ids,
        answers=np.array([_answers(index[key]) if key in index else unknown for key in ids], np.int8),
        affiliations=np.array([index[key]["affiliation"] if key in index else UNKNOWN for key in ids], np.int8),
        quoted=[index.get(key) for key in ids],
        gold=[labelled.get(key, []) for key in ids],
        loose=[
            mine
            for key, found in labelled.items()
            if key not in given and (mine := [item for item in found if item.around is not None])
        ],
        quotes=quote_texts,
        quote_labels=quote_labels,
    )


def sentence_key(text: str) -> str:
    """What stands for a sentence in a table without text: twelve hex digits of the SHA-256 of its letters."""
    return sha256(letters(text))[:12]


def _gold(paths: Sequence[Path]) -> dict[str, list[GoldSentence]]:
    """Labelled sentences by paper. Where two files label a variable of one sentence, the later one counts.

    Parquet files give the ``sentence`` (and what stands ``before`` it); CSV files without text give its ``key``.
    """
    found: dict[str, dict[str, GoldSentence]] = {}
    for path in paths:
        for row in (
            _csv(path)
            if path.suffix == ".csv"
            else _rows(path, ["paper", "sentence", *SCORED], ("before", "sure", "section", "after"))
        ):
            proves = np.array([_label(row.get(name)) for name in SCORED], np.int8)
            text = letters(row["sentence"]) if row.get("sentence") else f"#{row.get('key') or ''}"
            before = letters(row.get("before") or "")[-30:]
            sure = row.get("sure") in (None, "", True, "True", "true", "1", "yes")
            known = found.setdefault(row["paper"], {})
            old = known.get(before + "|" + text)
            if old is not None:
                proves = np.where(proves == UNKNOWN, old.proves, proves).astype(np.int8)
            printed = [str(row.get(name) or "") for name in ("section", "before", "sentence", "after")]
            around = (printed[0], printed[1], printed[2], printed[3]) if row.get("sentence") else None
            known[before + "|" + text] = GoldSentence(text, before, proves, sure, around)
    return {paper: list(known.values()) for paper, known in found.items()}


def _csv(path: Path) -> list[dict[str, str]]:
    rows, names = read_csv(path)
    if not rows or "paper" not in names or not {"key", "sentence"} & set(names):
        raise OpenbookError(
            f"{path} is not a table of labelled sentences: it needs the columns paper and sentence (or key)"
        )
    return rows


def _label(value: Any) -> int:
    if value is None or value == "":
        return UNKNOWN
    return int(value in (True, 1, "1", "True", "true", "yes"))


def gold_places(sentences: Sequence[str], gold: Sequence[GoldSentence]) -> dict[int, GoldSentence]:
    """Place -> labelled sentence: found by its letters; of several alike, the one with the same words before it."""
    keys = [letters(sentence) for sentence in sentences]
    hashed: dict[str, list[int]] = {}
    if any(item.text.startswith("#") for item in gold):
        for place, sentence in enumerate(sentences):
            hashed.setdefault(f"#{sentence_key(sentence)}", []).append(place)
    places: dict[int, GoldSentence] = {}
    for item in gold:
        key = item.text
        same = (
            hashed.get(key, []) if key.startswith("#") else [place for place, other in enumerate(keys) if other == key]
        )
        if not same and len(key) > 15:
            near = (place for place, other in enumerate(keys) if len(other) > 15 and (key in other or other in key))
            same = [place for place in near if min(len(keys[place]), len(key)) > 0.6 * max(len(keys[place]), len(key))]
        after = [place for place in same if place and item.before and keys[place - 1][-30:] == item.before]
        if same:
            place = (after or same)[0]
            if place in places:
                old = places[place]
                merged = np.where(item.proves == UNKNOWN, old.proves, item.proves).astype(np.int8)
                item = GoldSentence(old.text, old.before, merged, item.sure, old.around)
            places[place] = item
    return places


def _rows(path: Path, columns: Sequence[str], optional: Sequence[str] = ()) -> list[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise OpenbookError(f"there is no file {str(path)!r}")
    try:
        schema = pq.read_schema(path)
        missing = [column for column in columns if column not in schema.names]
        if missing:
            raise OpenbookError(f"{path} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}")
        rows: list[dict[str, Any]] = pq.read_table(
            path, columns=[*columns, *(name for name in optional if name in schema.names)]
        ).to_pylist()
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


def _quotes(rows: Iterable[Mapping[str, Any]]) -> tuple[list[str], LabelArray]:
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


def letters(text: str) -> str:
    """The letters and digits of a text in lower case, ligatures spelled out: alike in two extractions."""
    for found, instead in LIGATURES.items():
        text = text.replace(found, instead)
    return _LETTERS.sub("", text.lower())


def located(row: Mapping[str, Any], sentences: Sequence[str]) -> LabelArray:
    """Labels of a whole paper's sentences: a quote marks the sentences it holds, or that hold it."""
    answers = _answers(row)
    keys = [letters(sentence) for sentence in sentences]
    targets: list[set[int]] = [set() for _ in keys]
    for target, response in _responses(row):
        for sentence in quoted_sentences(response):
            quote = letters(sentence)
            if len(quote) < 8:
                continue
            for place, key in enumerate(keys):
                if len(key) >= 10 and (quote in key or (len(key) > 0.3 * len(quote) and key in quote)):
                    targets[place].add(target)
    return np.array([_labels(answers, found) for found in targets], np.int8).reshape(-1, len(TARGETS))
