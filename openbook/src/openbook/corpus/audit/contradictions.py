"""Answers of one record that exclude each other, or that their own evidence denies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from openbook.corpus.audit.entries import NO, YES, Entry, Said, excerpt, said_yes
from openbook.corpus.audit.findings import Finding

#: What a paper without experiments has no use for. Pseudocode, code and software go well with theory.
_OF_EXPERIMENTS: Final = ("open_datasets", "dataset_splits", "hardware_specification", "experiment_setup")
_DENIAL: Final = re.compile(
    r"^\W*(?:no(?:\s+(?:specific|explicit|concrete|such|direct|structured))?\s+[\w\s/,()-]{0,80}?(?:is|are|was|were)\s+"
    r"(?:provided|mentioned|given|found|specified|described|reported|stated|included)|"
    r"(?:the|this)\s+(?:paper|authors?|text)\s+(?:do|does|did)\s+not\s+(?:\w+\s+)?"
    r"(?:provide|mention|specify|include|contain|describe|state|give|report|release))\b",
    re.IGNORECASE,
)
_DECLINED: Final = re.compile(r"(?-i:\[\s?(?:No|NO)\s?\])|\banswer\s*:\s*\[?\s?no\b", re.IGNORECASE)
_ACCEPTED: Final = re.compile(r"\[\s?yes\s?\]|\banswer\s*:\s*\[?\s?yes\b|https?://|www\.", re.IGNORECASE)
_OWN_CODE: Final = re.compile(
    r"^\W*(?:\d\W*)?(?:the\s+|all\s+|our\s+|source\s+|we\s+)*(?:codes?|implementations?|software)\b[^.]{0,80}?"
    r"\b(?:is|are)\s+(?:\w+\s+){0,2}?(?:available|released|provided|accessible)\s+(?:at|on|from|in|via)\b[^.]{0,30}?"
    r"(?:https?://|www\.|github\.com|gitlab\.com)\S+",
    re.IGNORECASE,
)
_BUT: Final = re.compile(
    r"\b(?:however|but|although|not\b|n't|baseline|third.party|dataset only|upon request|404|empty|will be|accept|review|anonymized)",
    re.IGNORECASE,
)


def contradictions(entry: Entry) -> Iterator[Finding]:
    """A finding for each pair or answer that contradicts itself."""
    kind = entry.answers.get("research_type")
    if kind is not None and kind.result == YES:
        for variable in _OF_EXPERIMENTS:
            said = entry.answers.get(variable)
            if said is not None and said.result == YES:
                why = f"the paper is called theoretical, yet {variable} is yes: one of the two is wrong"
                yield Finding(entry.id, "contradiction", "medium", variable, excerpt(said.words, 0, 200, 0), why)
    for variable, said in said_yes(entry):
        yield from _denied(entry.id, variable, said)
    code = entry.answers.get("open_source_code")
    if code is not None and code.result == NO:
        match = _OWN_CODE.search(code.words)
        if match and not _BUT.search(code.words):
            why = "the answer is no, yet its evidence says where the code is"
            yield Finding(
                entry.id, "contradiction", "medium", "open_source_code", excerpt(code.words, *match.span()), why
            )


def _denied(id_: str, variable: str, said: Said) -> Iterator[Finding]:
    denial = _DENIAL.match(said.words)
    if denial:
        why = "the answer is yes, yet its own words deny it"
        yield Finding(id_, "contradiction", "high", variable, excerpt(said.words, *denial.span()), why)
        return
    declined = _DECLINED.search(said.words) if "[" in said.words or "nswer" in said.words else None
    if declined and not _ACCEPTED.search(said.words):
        why = "the answer is yes, yet the checklist it quotes says no"
        yield Finding(id_, "contradiction", "high", variable, excerpt(said.words, *declined.span()), why)
