"""Runs the rules of the audit over a set of records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Final

from openbook.corpus.audit.checklists import checklists
from openbook.corpus.audit.contradictions import contradictions
from openbook.corpus.audit.entries import Entry, read_entries
from openbook.corpus.audit.explanations import explanations
from openbook.corpus.audit.findings import KINDS, Finding
from openbook.corpus.audit.ghosts import MOST_GHOST_TOKENS, ghosts
from openbook.corpus.audit.links import damaged_urls
from openbook.corpus.audit.promises import promised_code

#: The rules that need nothing but the record.
_RULES: Final[dict[str, Callable[[Entry], Iterator[Finding]]]] = {
    "promised_code": promised_code,
    "damaged_url": damaged_urls,
    "checklist": checklists,
    "not_a_quote": explanations,
    "contradiction": contradictions,
}


def audit(
    records: Path,
    papers: Path | None = None,
    kinds: Collection[str] = tuple(KINDS),
    prompt_tokens: int | None = None,
    progress: Callable[[int], None] = lambda done: None,
    checked: Counter[str] | None = None,
) -> Iterator[Finding]:
    """What is wrong with the records of a Parquet file, or of a folder that ``openbook assess`` wrote.

    ``papers`` is a folder with the papers' files or texts, against which every quote is then checked. ``prompt_tokens``
    is the size of the prompt, without the paper, of the run that made the records; that of the published index is known.
    ``checked`` is told how the quotes that were looked for came out.
    Answers about a ghost are not audited further: none of them means anything.
    """
    check = None
    if "quote_absent" in kinds:
        from openbook.corpus.audit.quotes import QuoteCheck

        check = QuoteCheck(papers, Counter() if checked is None else checked)
    only_ghosts = set(kinds) == {"ghost"} and prompt_tokens is None
    for done, entry in enumerate(read_entries(records, MOST_GHOST_TOKENS if only_ghosts else None)):
        progress(done)
        found, ghost = audit_entry(entry, kinds, prompt_tokens)
        yield from found
        if check is not None and not ghost:
            yield from check(entry)


def audit_entry(
    entry: Entry, kinds: Collection[str] = tuple(KINDS), prompt_tokens: int | None = None
) -> tuple[list[Finding], bool]:
    """What the rules that need nothing but the record find wrong with it, and whether it is a ghost."""
    found = list(ghosts(entry, prompt_tokens))
    if found:
        return (found if "ghost" in kinds else []), True
    return [finding for kind, rule in _RULES.items() if kind in kinds for finding in rule(entry)], False
