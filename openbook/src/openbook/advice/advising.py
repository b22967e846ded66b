"""For each thing that a paper does not state: what to add, where in the paper, and a draft of it."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from openbook.errors import OpenbookError
from openbook.papers.paper import Paper, Sentence
from openbook.record.model import Answer, Record
from openbook.text import one_line
from openbook.variables import SCORED
from openbook.variables.definitions import definition, near_miss_reason

#: Titles of the sections where something belongs, likeliest first; ``definitions.toml`` names the kind.
_TITLES: Final = {
    "method": (r"algorithm|method|approach|procedure|our model|proposed", r"model|optimi[sz]|learning|inference"),
    "experiments": (
        r"experiment\w* (?:setup|set-up|settings?|details)|implementation|training details|setup",
        r"experiment|empirical|evaluation|simulation|numerical|case stud|application",
        r"results|comparison",
    ),
    "data": (
        r"data ?sets?\b|\bdata\b|corpora|corpus|benchmark",
        r"experiment|empirical|evaluation|simulation|numerical|case stud|application",
        r"results",
    ),
    "code": (
        r"(?:code|software|data) availab|availab|reproducib",
        r"experiment|implementation|empirical|evaluation|simulation|numerical",
        r"conclusion|discussion|summary",
        r"introduction",
    ),
}
#: Sections in which nothing that a reader needs to repeat the work belongs.
_UNFIT: Final = re.compile(
    r"acknowledg|contribution|ethic|impact|societ|(?:related?|prior|previous) work|literature|background|preliminar|notation|"
    r"problem (?:set-?up|setting|statement|formulation|definition)|fund(?:ing|ed)|conflict|disclosure|limitation|"
    r"references|bibliograph|motivation|^abstract",
    re.IGNORECASE,
)
#: Sections that tell what others say in full: a place only where no title fits better.
_OUTER: Final = re.compile(r"introduction|conclusion|discussion|summary", re.IGNORECASE)
#: What a theoretical paper may still need; the rest belongs to experiments, which it has none of.
OF_THEORY: Final = frozenset({"pseudocode", "open_source_code"})


@dataclass(frozen=True, slots=True)
class Place:
    """Where something belongs: a section of the paper, its page, and the sentence after which it fits."""

    section: str
    page: int | None
    after: str | None
    start: int | None
    end: int | None


@dataclass(frozen=True, slots=True)
class Advice:
    """What to add for one variable.

    ``reason`` is ``missing`` (answered no) or ``unverified`` (the quotes given are not in the paper). ``shortfall`` is
    a sentence of the paper that comes near, and what it lacks: the record's near miss if it has one. ``draft`` uses
    the paper's own names where it has any. ``place`` is None if no section fits. ``chance_with`` is set by
    ``counterfactuals.proven_advice``, which tries the drafts: the probability of yes with the draft in its place; a draft that
    leaves the answer as it is becomes empty there.
    """

    variable: str
    title: str
    reason: str
    what: str
    states: str
    draft: str
    place: Place | None
    shortfall: dict[str, str | int | None] | None
    chance_with: float | None = None


def advise(record: Record, paper: Paper) -> list[Advice]:
    """Advice on each of the seven that is not ``yes``, in the order of the variables.

    Raises OpenbookError if the paper could not be read.
    """
    if paper.problem is not None:
        raise OpenbookError(f"{paper.source} could not be read ({paper.problem}), so there is nothing to advise on")
    kind = record.answers.get("research_type")
    theoretical = kind is not None and kind.result == "theoretical"
    fillings = _fillings(paper)
    advice = []
    for variable in SCORED:
        answer = record.answers.get(variable)
        if answer is None or answer.result not in ("no", "unverified"):
            continue
        known, draft = definition(variable), drafts()[variable]
        near = _near(paper, answer, draft, known.where)
        fits = variable in OF_THEORY or not theoretical
        advice.append(
            Advice(
                variable=variable,
                title=known.title,
                reason="unverified" if answer.result == "unverified" else "missing",
                what=known.advice,
                states=known.good_sentence,
                draft=_filled(draft["draft"], fillings),
                place=_place(paper, known.where, draft["near"], near[0] if near else None) if fits else None,
                shortfall=near[1] if near else None,
            )
        )
    return advice


def by_place(advice: Sequence[Advice]) -> list[tuple[Place | None, list[Advice]]]:
    """The advice grouped by section and sentence, each place once, those without a place last."""
    groups: dict[tuple[str, str | None] | None, list[Advice]] = {}
    for item in advice:
        groups.setdefault((item.place.section, item.place.after) if item.place else None, []).append(item)
    placed = [(items[0].place, items) for key, items in groups.items() if key is not None]
    return [*placed, *((None, items) for key, items in groups.items() if key is None)]


@cache
def drafts() -> dict[str, dict[str, Any]]:
    """Variable -> a sentence to fill in (``draft``), and the words by which its place in a paper is known."""
    return tomllib.loads(files("openbook.advice").joinpath("drafts.toml").read_text(encoding="utf-8"))


def _body(paper: Paper) -> list[Sentence]:
    """The running text and footnotes of the sections in which something can be added."""
    return [
        item
        for item in paper.sentences
        if item.kind in ("text", "footnote") and _part(paper, item) == "body" and _fits(paper, item)
    ]


def _part(paper: Paper, sentence: Sentence) -> str:
    return paper.sections[sentence.section].part if 0 <= sentence.section < len(paper.sections) else "body"


def _fits(paper: Paper, sentence: Sentence) -> bool:
    """Whether neither the sentence's section nor one that it is part of is unfit, nor the words that open it."""
    if _UNFIT.match(paper.words(sentence)[:40].partition(":")[0]):
        return False
    return not any(_UNFIT.search(title) for title in _titles(paper, sentence.section))


def _titles(paper: Paper, index: int) -> list[str]:
    """The title of a section and those of the sections that it is part of, innermost first."""
    titles, level = [], 99
    for section in reversed(paper.sections[: index + 1]):
        if section.level < level:
            titles.append(section.title)
            level = section.level
        if level <= 1:
            break
    return titles


def _is_whole(paper: Paper, sentence: Sentence) -> bool:
    """Whether it is a sentence of prose: no row of a table, no piece of a formula, no address."""
    text = re.sub(r"\s*⟨[^⟩]*⟩$", "", one_line(paper.words(sentence)))
    letters = sum(character.isalpha() or character == " " for character in text)
    return 25 <= len(text) <= 600 and text[-1] in ".!?" and not text[0].islower() and letters > 0.75 * len(text)


Shortfall = dict[str, str | int | None]


def _near(paper: Paper, answer: Answer, draft: dict[str, Any], where: str) -> tuple[Sentence | None, Shortfall] | None:
    """The sentence that comes nearest to what is wanted, where the paper can be mended there, and what it lacks."""
    miss = answer.near_miss
    if miss is not None:
        said: Shortfall = {
            "sentence": one_line(miss.quote),
            "page": miss.page,
            "lacks": f"It does not count: {near_miss_reason(miss.kind)}.",
        }
        at = next((s for s in _body(paper) if miss.start is not None and s.start <= miss.start < s.end), None)
        return (at if at is not None and _is_place(paper, at, where) else None), said
    pattern = re.compile(draft["short"], re.IGNORECASE)
    index = _section(paper, where)
    bodies = ((item, paper.words(item)) for item in _body(paper))
    found = [item for item, words in bodies if len(words.split()) > 5 and pattern.search(words)]
    nearest = min(found, key=lambda item: (item.section != index, item.start), default=None)
    if nearest is None:
        return None
    place = nearest if _is_place(paper, nearest, where) else None
    return place, {"sentence": one_line(paper.words(nearest)), "page": nearest.page, "lacks": draft["short_says"]}


def _is_place(paper: Paper, sentence: Sentence, where: str) -> bool:
    """Whether something can be added after a sentence, and not better in the section that is made for it."""
    outer = 0 <= sentence.section < len(paper.sections) and _OUTER.search(paper.sections[sentence.section].title)
    return _is_whole(paper, sentence) and (not outer or _section(paper, where) in (None, sentence.section))


def _place(paper: Paper, where: str, near: list[str], shortfall: Sentence | None) -> Place | None:
    """After the sentence that falls short, if there is one; else after the nearest one of the section that fits."""
    if shortfall is not None:
        return _at(paper, shortfall)
    patterns = [re.compile(pattern, re.IGNORECASE) for pattern in near]
    index = _section(paper, where)
    inside = [item for item in _body(paper) if index is None or item.section == index]
    if not inside or not paper.sections:
        return None
    inside = [item for item in inside if _is_whole(paper, item)] or inside
    anchor = max(inside, key=lambda item: _weight(paper, item, patterns))
    weight = _weight(paper, anchor, patterns)
    if index is None:  # no title says where it belongs: only a sentence that speaks of the matter itself does
        return _at(paper, anchor) if weight >= 1 else None
    return _at(paper, anchor if weight >= 0.3 else inside[-1])


def _weight(paper: Paper, sentence: Sentence, patterns: list[re.Pattern[str]]) -> float:
    """How much a sentence speaks of the matter. Earlier patterns say more than later ones; fragments count little."""
    text = paper.words(sentence)
    return (1.0 if _is_whole(paper, sentence) else 0.2) * sum(
        1 / (1 + rank / 4) for rank, p in enumerate(patterns) if p.search(text)
    )


def _at(paper: Paper, anchor: Sentence) -> Place:
    section = paper.sections[anchor.section] if 0 <= anchor.section < len(paper.sections) else None
    title = one_line(section.title) if section and section.title else "the opening of the paper"
    return Place(title, anchor.page, one_line(paper.words(anchor)), anchor.start, anchor.end)


def _section(paper: Paper, where: str) -> int | None:
    """The section whose title says that something belongs there; None if no title does."""
    counts = Counter(item.section for item in _body(paper))
    candidates = [index for index in counts if 0 <= index < len(paper.sections) and counts[index] >= 2]
    for pattern in _TITLES[where]:
        # the section's own title, then those of the sections that it is part of; a method is mostly told in parts
        for depth in (9,) if where == "method" else (1, 9):
            for index in candidates:
                if any(re.search(pattern, title, re.IGNORECASE) for title in _titles(paper, index)[:depth]):
                    return index
    return None


_DATA_NAME: Final = re.compile(
    r"\b((?:[A-Z][A-Za-z]*[A-Z0-9][\w-]*|[A-Z][a-z]+)(?:[ -](?:[A-Z0-9][\w-]*))*)\s+(?:data ?sets?|benchmarks?|corpus|corpora)\b"
)
_NO_NAME: Final = re.compile(
    r"^(?:The|This|These|Our|Each|All|Real|Synthetic|Training|Test|Both|Two|Three|Many|Large|Public|For|On|In|We|Some|Other)\b"
)
_OPTIMISER: Final = re.compile(r"\b(AdamW|Adamax|Adam|SGD|RMSProp|RMSprop|Adagrad|AdaGrad|AdaDelta|L-BFGS|LBFGS)\b")
_SOFTWARE: Final = re.compile(
    r"\b(Python|MATLAB|Matlab|Julia|PyTorch|TensorFlow|Keras|JAX|Theano|Caffe|scikit-learn|NumPy|CVX|Gurobi|MOSEK|CPLEX)\b"
)
_CODE_HOST: Final = re.compile(r"//(?:www\.)?(?:github|gitlab|bitbucket|codeberg|zenodo)\.", re.IGNORECASE)
_OWN: Final = re.compile(r"\b(?:we|our|ours)\b", re.IGNORECASE)


def _fillings(paper: Paper) -> dict[str, str]:
    """Placeholder of a draft -> the paper's own name for it: data sets, optimiser, software, its own link, its machine."""
    body = _body(paper)
    text = " ".join(paper.words(item) for item in body)
    found: dict[str, str] = {}
    names = Counter(name for name in _DATA_NAME.findall(text) if not _NO_NAME.search(name) and len(name) < 40)
    if names:
        found["[data set]"] = _listed([name for name, _ in names.most_common(3)])
    optimisers = Counter(_OPTIMISER.findall(text))
    if optimisers:
        found["[optimiser]"] = optimisers.most_common(1)[0][0]
    software = list(dict.fromkeys(_SOFTWARE.findall(text)))[:4]
    if software:
        found["[language] [version] with [library] [version] and [solver] [version]"] = _listed(
            [f"{name} [version]" for name in software]
        )
    for link in paper.links:
        if link.start is not None and _CODE_HOST.search(link.url):
            around = next((item for item in body if item.start <= link.start < item.end), None)
            if around is not None and _OWN.search(paper.words(around)):
                found["[https://...]"] = link.url
                break
    if re.search(r"\bGPUs?\b", text):
        found["[CPU or GPU model]"] = "[GPU model] GPUs"
    return found


def _filled(draft: str, fillings: dict[str, str]) -> str:
    for placeholder, name in fillings.items():
        draft = draft.replace(placeholder, name)
    return draft


_PLACEHOLDER: Final = re.compile(r"\[[^\[\]]+\]")


def filled_in(variable: str, draft: str) -> str:
    """A draft with plausible values in place of its placeholders: a version, a GPU model, an address."""
    values = drafts()[variable]["values"]
    used: Counter[str] = Counter()

    def value(found: re.Match[str]) -> str:
        given: list[str] = values.get(found[0], ["1"])
        used[found[0]] += 1
        return given[min(used[found[0]], len(given)) - 1]

    return _PLACEHOLDER.sub(value, draft)


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
