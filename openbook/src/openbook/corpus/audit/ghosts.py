"""Ghost papers: the assessor had no text, or only a title, and answered all the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from openbook.corpus.audit.entries import Entry, excerpt, said_yes
from openbook.corpus.audit.findings import Finding

#: Tokens of the published index's prompt and questions: what a call costs before any text of the paper.
PUBLISHED_PROMPT_TOKENS: Final = 6400
#: A text of fewer tokens is a file name or a title, no paper.
LEAST_TEXT_TOKENS: Final = 100
#: Up to here the assessor's own word that it had only a title is believed; a paper has more.
SHORT_TEXT_TOKENS: Final = 1000
#: No record of the published index with a larger input is a ghost.
MOST_GHOST_TOKENS: Final = PUBLISHED_PROMPT_TOKENS + SHORT_TEXT_TOKENS

_ONLY_A_TITLE: Final = re.compile(
    r"\b(?:only|just)\b[^.]{0,40}\btitle\b|\b(?:provided|given|supplied)\s+(?:\w+\s+)?(?:text|excerpt|snippets?|document|paper)\b"
    r"[^.]{0,60}\b(?:only|just)\b[^.]{0,60}\b(?:title|citation|conference|heading)\b",
    re.IGNORECASE,
)


def ghosts(entry: Entry, prompt_tokens: int | None = None) -> Iterator[Finding]:
    """At most one finding: by the size of the input, where the size of the prompt is known, else by the record's words."""
    prompt = prompt_tokens if prompt_tokens is not None else PUBLISHED_PROMPT_TOKENS if entry.published else None
    text_tokens = None
    if prompt is not None and entry.input_tokens:
        text_tokens = entry.input_tokens - prompt
        if text_tokens < LEAST_TEXT_TOKENS:
            claims = [variable for variable, _ in said_yes(entry)]
            claimed = ", ".join(claims) if claims else "no variable"
            yield Finding(
                entry.id,
                "ghost",
                "high",
                None,
                f"{entry.input_tokens} input tokens, of which about {prompt} are the prompt",
                f"the text had about {max(text_tokens, 0)} tokens, a file name and no paper; answered yes to {claimed}",
            )
            return
    if text_tokens is not None and text_tokens > SHORT_TEXT_TOKENS:
        return
    for variable, said in entry.answers.items():
        match = _ONLY_A_TITLE.search(said.words)
        if match and (text_tokens is not None or _nothing_found(entry)):
            why = "the record itself says that there was only a title to read"
            yield Finding(entry.id, "ghost", "medium", variable, excerpt(said.words, *match.span()), why)
            return


def _nothing_found(entry: Entry) -> bool:
    return not any(True for _ in said_yes(entry))
