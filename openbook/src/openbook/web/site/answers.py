"""The table of a paper's answers: variable, result, response; and what is too long for a page, kept in a text beside it."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import Final

from openbook.record.model import Answer, Evidence, Record
from openbook.variables import SCORED, VARIABLES
from openbook.variables.definitions import definition
from openbook.web.record.view import MATCHES, RESULTS

#: Bytes of one text that a page shows; the rest is in a file beside it. All that may be long together stays below 60 KB.
LONGEST: Final = 3000
_TITLES: Final = {variable: escape(definition(variable).title) for variable in VARIABLES}


@dataclass(slots=True)
class Folded:
    """Texts that went into files beside the page: name -> content."""

    files: dict[str, str] = field(default_factory=dict)

    def fold(self, text: str, name: str, longest: int = LONGEST) -> str:
        """A text as markup: whole where it is short, else its beginning and a link to a file with all of it."""
        shown = escape(text)
        if len(shown.encode()) <= longest:
            return shown
        self.files[name] = text + "\n"
        # Escaped, a character takes at most 6 bytes: cut by what the beginning takes, between words where there are any.
        start = text[: longest // 3]
        while len(escape(start).encode()) > longest // 3:
            start = start[: len(start) * 3 // 4]
        start = start.rsplit(" ", 1)[0] or start
        return f'{escape(start)} … <a href="{name}">All of it, {len(text):,} characters, as text</a>'


def result_badge(result: str) -> str:
    """A result as a badge."""
    return f'<span class="badge {result}">{RESULTS[result]}</span>'


def answers_table(record: Record, folded: Folded) -> str:
    """The table, with the source of its responses below it."""
    published = is_published(record)
    rows = []
    for variable in VARIABLES:
        answer = record.answers.get(variable)
        if answer is None:
            continue
        rows.append(
            f'<tr id="{variable}"><th scope="row">{_TITLES[variable]}</th><td>{result_badge(answer.result)}'
            f"{_confidence(answer)}</td><td>{_response(variable, answer, published, folded)}</td></tr>\n"
        )
    return (
        '<table class="stack"><thead><tr><th scope="col">Variable</th><th scope="col">Result</th>'
        f'<th scope="col">Response</th></tr></thead>\n<tbody>\n{"".join(rows)}</tbody></table>\n'
        f'<p class="muted source">{_source(record, published)}</p>\n'
    )


def is_published(record: Record) -> bool:
    """Whether a record was imported from the published index."""
    return record.run.assessor == "published"


def seven(record: Record) -> str:
    """The seven results as small bars, for the eye only: the table says the same."""
    results = (record.answers[variable].result if variable in record.answers else "" for variable in SCORED)
    return f'<ol class="seven" aria-hidden="true">{"".join(f"<li class={result}></li>" if result else "<li></li>" for result in results)}</ol>'


def _confidence(answer: Answer) -> str:
    return "" if answer.confidence is None else f' <span class="confidence">{100 * answer.confidence:.0f} % sure</span>'


def _response(variable: str, answer: Answer, published: bool, folded: Folded) -> str:
    parts = []
    if answer.response:
        said = folded.fold(answer.response, f"{variable}.txt")
        parts.append(f"<blockquote>{said}</blockquote>" if published else f"<p>{said}</p>")
    if answer.evidence:
        parts.append(_quotes(variable, answer.evidence, folded))
    if answer.correction is not None:
        parts.append('<p class="muted">Corrected by a person; see <a href="#corrections">its history</a>.</p>')
    return "".join(parts) or '<span class="muted">No response.</span>'


def _quotes(variable: str, evidence: list[Evidence], folded: Folded) -> str:
    items, used = [], 0
    for place, item in enumerate(evidence):
        if used > LONGEST:
            rest = "\n\n".join(f"{_plain_place(one)}: {one.quote}" for one in evidence[place:])
            folded.files[f"{variable}-quotes.txt"] = rest + "\n"
            items.append(f'<li><a href="{variable}-quotes.txt">{len(evidence) - place} more quotes, as text</a></li>')
            break
        quote = folded.fold(item.quote, f"{variable}-{place + 1}.txt", LONGEST // 2)
        used += len(quote.encode())
        kind = ' class="absent"' if item.match == "absent" else ""
        items.append(
            f"<li><blockquote{kind}>{quote}</blockquote><span class=muted>{escape(_plain_place(item))}</span></li>"
        )
    return f'<ul class="quotes">{"".join(items)}</ul>'


def _plain_place(item: Evidence) -> str:
    """Where a quote stands, and how it was found there."""
    if item.match == "absent":
        return MATCHES["absent"]
    parts = [f"page {item.page}"] if item.page is not None else []
    if item.part and item.part != "body":
        parts.append(item.part)
    score = f" ({item.score:.0f} of 100)" if item.match == "fuzzy" and item.score is not None else ""
    return " · ".join([*parts, MATCHES[item.match] + score])


def _source(record: Record, published: bool) -> str:
    if published:
        model = f", answered by {escape(record.run.model)}" if record.run.model else ""
        return (
            "Responses are quoted as published in the index of Coakley et al. (2026, "
            f'<a href="https://arxiv.org/abs/2606.16974" rel="noopener noreferrer">arXiv:2606.16974</a>){model}. '
            "The index gives no page numbers; its quotes were not looked up in the paper here."
        )
    return (
        f"Answered by {escape(record.run.assessor)}{', ' + escape(record.run.model) if record.run.model else ''}. Every yes "
        "rests on a quote that was found in the paper; what each kind of match means stands in the method."
    )
