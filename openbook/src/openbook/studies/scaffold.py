"""A study to start from: from a paper's claims that look testable, or from a replication benchmark's rubric.

Nothing is invented: every entry holds a sentence or a row of the paper, its page and its span. The commands are left empty.
A rubric is a tree. Its leaves become claims, weighted by the product of the shares on their path.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from openbook.errors import OpenbookError
from openbook.files import write_atomically
from openbook.papers.paper import Paper, Sentence
from openbook.papers.tables import read_tables
from openbook.record.model import Record
from openbook.text import one_line
from openbook.variables import SCORED
from openbook.variables.definitions import definition

#: At most so many claims; those that compare with numbers come first.
MOST_CLAIMS: Final = 25
_METRIC: Final = re.compile(
    r"\b(accuracy|error rate|F1|AUROC|AUC|BLEU|ROUGE|perplexity|bits per byte|RMSE|MSE|MAE|precision|"
    r"recall|regret|log-likelihood|likelihood|speedup|speed-up|run time|runtime|memory|sample complexity|"
    r"mAP|IoU|PSNR|FID|NMI|reward|return|error|loss|time)s?\b",
    re.IGNORECASE,
)
_OWN: Final = re.compile(
    r"\b(?:we|our|ours|this (?:paper|work|method|algorithm)|the proposed|proposed)\b", re.IGNORECASE
)
_COMPARES: Final = re.compile(
    r"\b(?:outperform\w*|faster|slower|better|worse|improv\w+|reduc\w+|exceed\w*|surpass\w*|superior|competitive|comparable|"
    r"state[- ]of[- ]the[- ]art|higher|lower|fewer|more accurate|speed-?ups?|consistent(?:ly)?|significant(?:ly)?|best)\b",
    re.IGNORECASE,
)
_GUARANTEES: Final = re.compile(
    r"\b(?:converge\w*|guarantee\w*|bounded by|regret (?:bound|of)|sample complexity|runs in|time complexity|optimal|same "
    r"(?:results?|clustering|solution) as|exact(?:ly)?)\b",
    re.IGNORECASE,
)
_LOWER: Final = re.compile(
    r"\b(?:reduc\w+|lower|fewer|less|decreas\w+|error|loss|perplexity|regret|RMSE|MSE|MAE|time|memory)\b", re.IGNORECASE
)
_NUMBER: Final = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?\s?(?:%|[x×](?!\w)|times\b|percent\b|points\b)?")
_POINTS: Final = re.compile(r"\b(?:Table|Figure|Fig\.|Theorem|Section|Sec\.|Algorithm|Appendix)\s?[A-Z]?\d+(?:\.\d+)*")
_LISTED: Final = re.compile(r"\(\d{1,2}\)|\[\d+(?:, ?\d+)*\]|\(?\b(?:19|20)\d\d[a-z]?\)?")
#: Sentences about what should be, not about what was found.
_WISH: Final = re.compile(
    r"\b(?:we believe|needs? to|should|would|future work|we hope|in general|it is well known)\b", re.IGNORECASE
)
_PLACES: Final = re.compile(
    r"abstract|introduction|contribution|experiment|result|evaluation|empirical|simulation|numerical|conclusion|discussion|analysis|theor",
    re.IGNORECASE,
)
_SETTING: Final = re.compile(
    r"\b(?:learning rate|batch size|epochs?|optimi[sz]er|weight decay|dropout|momentum|hidden|layers?|seeds?|iterations?|hyper-?parameters?|"
    r"step size|regulari[sz]ation|temperature|initiali[sz]ed?)\b.{0,80}\d",
    re.IGNORECASE,
)


def scaffold(paper: Paper, record: Record, name: str) -> dict[str, Any]:
    """The content of a ``study.toml`` to edit. Raises OpenbookError if the paper could not be read."""
    if paper.problem is not None:
        raise OpenbookError(f"{paper.source} could not be read ({paper.problem}), so no study can be made of it")
    about = record.paper
    bibliography = {
        **{
            "title": about.title or about.id,
            "authors": about.authors,
            "venue": about.venue,
            "year": about.year,
            "url": about.url,
        },
    }
    return {
        "name": name,
        "title": f"{about.title or about.id}, rebuilt",
        "paper": {key: value for key, value in bibliography.items() if value},
        "claims": [_claim(paper, item, number) for number, item in enumerate(claim_sentences(paper), 1)],
        "found": {
            "setup": [_located(paper, item) for item in _setup(paper, record)],
            "datasets": list(_datasets(paper, record)),
            "tables": [
                {"caption": table.caption, "page": table.page, "rows": [list(row) for row in table.rows]}
                for table in read_tables(paper)
                if table.rows
            ],
            "missing": missing(paper, record),
        },
    }


def _prose(paper: Paper) -> Iterator[tuple[Sentence, str, str]]:
    """The sentences and captions of the body that a reader can follow, with the title of their section."""
    for item in paper.sentences:
        section = paper.sections[item.section] if 0 <= item.section < len(paper.sections) else None
        if item.kind not in ("text", "caption") or (section is not None and section.part != "body"):
            continue
        words = one_line(paper.words(item))
        letters = sum(letter.isalpha() or letter.isspace() for letter in words)
        if 6 <= len(words.split()) <= 80 and words[-1] in ".!?" and letters >= 0.75 * len(words):
            yield item, words, section.title if section else ""


def claim_sentences(paper: Paper) -> list[Sentence]:
    """The sentences that look testable, in the order of the paper: comparisons, numbers with a metric, guarantees."""
    weighed: list[tuple[float, Sentence]] = []
    seen: set[str] = set()
    for item, words, title in _prose(paper):
        if not _PLACES.search(title) and item.kind != "caption":
            continue
        compares, numbers, metric = bool(_COMPARES.search(words)), _numbers(words), bool(_METRIC.search(words))
        guarantees = bool(_GUARANTEES.search(words))
        abstract = title.strip().lower() == "abstract"
        own = bool(_OWN.search(words)) or item.kind == "caption" or abstract
        if _WISH.search(words):
            continue
        if not (own or (compares and numbers and metric)) or not (compares or guarantees or (numbers and metric)):
            continue
        if re.search(r"\[\d+\]|\bet al\b|\(\d{4}\)", words) and not _OWN.search(words):
            continue  # somebody else's result
        weight = (
            1.5 * (compares and metric)
            + 1.0 * bool(numbers)
            + 1.0 * guarantees
            + 0.5 * compares
            + 0.5 * bool(_POINTS.search(words))
            + 1.0 * abstract
        )
        if weight >= 1.5 and words not in seen:
            seen.add(words)
            weighed.append((weight, item))
    best = sorted(weighed, key=lambda pair: (-pair[0], pair[1].start))[:MOST_CLAIMS]
    return [item for _, item in sorted(best, key=lambda pair: pair[1].start)]


def _numbers(words: str) -> list[str]:
    """The numbers of a sentence, without those of tables, sections and lists."""
    return [found.strip() for found in _NUMBER.findall(_LISTED.sub(" ", _POINTS.sub(" ", words)))]


def _claim(paper: Paper, item: Sentence, number: int) -> dict[str, Any]:
    words = one_line(paper.words(item))
    metric = _METRIC.search(words)
    section = paper.sections[item.section].title if 0 <= item.section < len(paper.sections) else ""
    return {
        "id": f"claim-{number}",
        "sentence": words,
        "where": ", ".join([*([one_line(section)] if section else []), *([f"page {item.page}"] if item.page else [])])
        or "the paper",
        "span": [item.start, item.end],
        "numbers": _numbers(words),
        "points_to": list(dict.fromkeys(one_line(found) for found in _POINTS.findall(words))),
        "metric": f"{metric[0].lower()} (guessed)" if metric else "",
        "direction": "at_most" if _LOWER.search(words) else "at_least",
        "command": "",
        "read": "",
    } | ({"page": item.page} if item.page else {})


def _setup(paper: Paper, record: Record) -> list[Sentence]:
    """The sentences with settings: the record's evidence, and others that name a setting with a number."""
    proven = {item.start for item in record.answers["experiment_setup"].evidence if item.start is not None}
    found = [item for item, words, _ in _prose(paper) if item.start in proven or _SETTING.search(words)]
    return found[:40]


def _datasets(paper: Paper, record: Record) -> Iterator[dict[str, Any]]:
    """The sentences that name the data, with the links that stand in them."""
    for evidence in record.answers["open_datasets"].evidence:
        if evidence.start is None or evidence.end is None:
            continue
        links = [
            link.url for link in paper.links if link.start is not None and evidence.start <= link.start < evidence.end
        ]
        entry: dict[str, Any] = {
            "sentence": one_line(evidence.quote),
            "span": [evidence.start, evidence.end],
            "links": links,
        }
        yield entry | ({"page": evidence.page} if evidence.page else {})


def missing(paper: Paper, record: Record) -> list[str]:
    """What a rebuild will have to guess: the variables that the paper does not document, and seeds that it never names."""
    out = [f"no {definition(name).title.lower()}" for name in SCORED if record.answers[name].result != "yes"]
    body = " ".join(words for _, words, _ in _prose(paper))
    if not re.search(r"\bseeds?\b", body, re.IGNORECASE):
        out.append("no seeds")
    return out


def _located(paper: Paper, item: Sentence) -> dict[str, Any]:
    entry: dict[str, Any] = {"sentence": one_line(paper.words(item)), "span": [item.start, item.end]}
    return entry | ({"page": item.page} if item.page else {})


_HEAD: Final = """\
# Made by openbook study new from the paper, to be edited. Every sentence stands in the paper, at its page and span (characters of
# the text that `openbook read --json` gives). Metric and direction are guesses. For each claim that you test give `command`, `read`,
# and `published` or `threshold`; delete the others. `openbook study check NAME` says what is still empty.

"""


def write_scaffold(content: dict[str, Any], folder: Path) -> Path:
    """Write ``study.toml`` into a new folder. Raises OpenbookError if there is one already."""
    import tomli_w

    path = folder / "study.toml"
    if path.exists():
        raise OpenbookError(f"{path} exists already; choose another --out, or edit it")
    write_atomically(path, _HEAD + tomli_w.dumps(content, multiline_strings=False))
    return path


#: The keys that a node may have; another one is an error, never ignored.
_KEYS: Final = frozenset("id requirements weight sub_tasks task_category finegrained_task_category".split())
_DEEPEST: Final = 50


def read_rubric(path: Path) -> list[dict[str, Any]]:
    """The leaves of a rubric as claims, in its order; their weights sum to 1.

    A node is an object with ``requirements`` (text), ``weight`` (a number, at least 0) and ``sub_tasks`` (a list of nodes).
    Raises OpenbookError with the path of the first node that is wrong, such as ``sub_tasks[0].sub_tasks[2]``.
    """
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise OpenbookError(f"{path} does not exist; give the rubric.json of a replication benchmark") from error
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise OpenbookError(f"{path} is not a rubric: it cannot be read as JSON ({error})") from error
    leaves = list(_leaves(tree, path, "the root", 1.0, ()))
    if not any(weight for _, weight, _ in leaves):
        raise OpenbookError(f"{path} is not a rubric: every weight is 0")
    claims, seen = [], set()
    for number, (node, weight, parents) in enumerate(leaves, 1):
        name = re.sub(r"[^a-z0-9]+", "-", str(node.get("id", "")).lower()).strip("-")[:40] or f"claim-{number}"
        name = name if name not in seen else f"{name}-{number}"
        seen.add(name)
        where = " / ".join(one_line(one)[:60] for one in parents[-2:]) or "the rubric"
        claims.append(
            {
                **{"id": name, "sentence": one_line(node["requirements"]), "where": where},
                **{"metric": "", "command": "", "read": "", "weight": round(weight, 9), "paraphrased": True},
            }
        )
    return claims


def _leaves(
    node: Any, path: Path, place: str, weight: float, parents: tuple[str, ...]
) -> Iterator[tuple[dict[str, Any], float, tuple[str, ...]]]:
    def wrong(why: str) -> OpenbookError:
        return OpenbookError(f"{path} is not a rubric: {place} {why}")

    if not isinstance(node, dict):
        raise wrong(f"is a {type(node).__name__}, not an object")
    unknown = set(node) - _KEYS
    if unknown:
        raise wrong(f"has the unknown key {min(unknown)!r}; the keys are {', '.join(sorted(_KEYS))}")
    if not isinstance(node.get("requirements"), str) or not node["requirements"].strip():
        raise wrong("has no requirements, a text")
    tasks = node.get("sub_tasks", [])
    if not isinstance(tasks, list):
        raise wrong(f"has sub_tasks of type {type(tasks).__name__}, not a list")
    if len(parents) > _DEEPEST:
        raise wrong(f"is deeper than {_DEEPEST} levels")
    if not tasks:
        yield node, weight, parents
        return
    weights = []
    for index, task in enumerate(tasks):
        given = task.get("weight") if isinstance(task, dict) else None
        inner = f"{'' if place == 'the root' else place + '.'}sub_tasks[{index}]"
        if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given < 1e12:
            raise OpenbookError(f"{path} is not a rubric: {inner} has no weight, a number of at least 0")
        weights.append((inner, float(given)))
    total = sum(given for _, given in weights)
    for task, (inner, given) in zip(tasks, weights, strict=True):
        share = weight * given / total if total else 0.0
        yield from _leaves(task, path, inner, share, (*parents, node["requirements"]))
