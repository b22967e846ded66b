"""Telling a statement about the work from a sentence that speaks to whoever judges the paper."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

#: Sentences that speak to whoever assesses the paper. They are in the text, but they are evidence of nothing.
_ADDRESSED: Final = re.compile(
    r"\b(?:ignore|disregard|forget)\b.{0,40}\b(?:instruction|prompt|above|previous|rule)"
    r"|\b(?:answer|respond|reply|say|mark|set|score|rate|return|output)\b.{0,30}[\"“'‘]?\byes\b"
    r"|\b(?:language model|LLM|AI|GPT|assistant|assessor|reviewer|grader|evaluator)s?\b.{0,60}"
    r"\b(?:must|should|shall|please|instructed|required)\b.{0,60}\b(?:answer|respond|record|accept|rate|score|conclude|mark)"
    r"|\ball (?:nine |seven |of the )?(?:variables|questions|answers|items)\b.{0,40}\b(?:yes|true|positive|satisfied)\b"
    r"|\bsystem prompt\b|\bas an AI\b|\bend of (?:the )?paper\b",
    re.IGNORECASE | re.DOTALL,
)


@lru_cache(maxsize=1024)  # an answer's quotes are looked at by the assessor and by the engine
def speaks_to_the_assessor(quote: str) -> bool:
    """Whether a quote is an instruction to whoever judges the paper rather than a statement about the work."""
    return _ADDRESSED.search(quote) is not None
