"""From a model's reply to answers, believing nothing that the paper does not bear out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict, ValidationError

from openbook.assessors.llm.prompts import results
from openbook.assessors.llm.provider import parse_json
from openbook.evidence.checking import speaks_to_the_assessor
from openbook.evidence.locating import Finder, is_proven
from openbook.record.model import Answer, Evidence
from openbook.variables import SCORED


class Reply(BaseModel):
    """What a model says of one variable."""

    model_config = ConfigDict(extra="ignore")

    result: str
    quotes: list[str] = []
    reason: str = ""


def read_reply(text: str, names: Sequence[str]) -> dict[str, Reply]:
    """The reply's answers by variable. Raises ValueError where it is not what was asked for, saying why."""
    value = parse_json(text)
    if not isinstance(value, dict):
        raise ValueError("the reply is not a JSON object")
    said: dict[str, Reply] = {}
    for name in names:
        try:
            reply = Reply.model_validate(value.get(name))
        except ValidationError as error:
            raise ValueError(f"the reply's {name} is not of the schema") from error
        reply.result = reply.result.strip().lower()
        if reply.result not in results(name):
            raise ValueError(f"the reply answers {reply.result[:40]!r} to {name}")
        said[name] = reply
    return said


def located(finder: Finder, reply: Reply) -> list[Evidence]:
    """The reply's quotes where they stand in the paper; instructions among them are dropped."""
    found: list[Evidence] = []
    for quote in dict.fromkeys(item.strip() for item in reply.quotes):
        if quote and not speaks_to_the_assessor(quote):
            found += finder.evidence(quote)
    return found


def is_supported(evidence: Sequence[Evidence]) -> bool:
    """Whether located quotes prove a yes, by the same measure that the engine applies."""
    return is_proven(list(evidence))


def unproven(finder: Finder, said: Mapping[str, Reply]) -> dict[str, list[str]]:
    """The variables that were answered yes without a quote that is there, with the quotes that were given."""
    return {
        name: reply.quotes
        for name, reply in said.items()
        if name in SCORED and reply.result == "yes" and not is_supported(located(finder, reply))
    }


def to_answer(finder: Finder, name: str, reply: Reply, confidence: float | None) -> Answer:
    """One variable's answer. The engine turns a yes without located evidence into ``unverified``."""
    evidence = located(finder, reply)
    if name in SCORED and reply.result == "yes" and not evidence:
        given = [quote for quote in reply.quotes if quote.strip() and not speaks_to_the_assessor(quote)]
        evidence = [Evidence(quote=quote, match="absent") for quote in given]
        return Answer(result="unverified", confidence=confidence, response=reply.reason, evidence=evidence)
    return Answer(result=reply.result, confidence=confidence, response=reply.reason, evidence=evidence)
