"""From a model's reply to answers. Nothing in a reply is believed that the paper does not show."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from openbook.assessors.llm.prompt_template import results
from openbook.evidence.checking import speaks_to_the_assessor
from openbook.evidence.locating import Finder, is_proven
from openbook.record.model import Answer, Evidence
from openbook.variables import SCORED


class ModelAnswer(BaseModel):
    """A model's answer to one variable, as its reply gives it."""

    model_config = ConfigDict(extra="ignore")

    result: str
    quotes: list[str] = []
    reason: str = ""


def read_reply(text: str, names: Sequence[str]) -> dict[str, ModelAnswer]:
    """The reply's answers by variable. Raises ValueError, saying why, where it is not of the schema."""
    reply = _parse_json(text)
    if not isinstance(reply, dict):
        raise ValueError("the reply is not a JSON object")
    answers: dict[str, ModelAnswer] = {}
    for name in names:
        try:
            answer = ModelAnswer.model_validate(reply.get(name))
        except ValidationError as error:
            raise ValueError(f"the reply's {name} is not of the schema") from error
        answer.result = answer.result.strip().lower()
        if answer.result not in results(name):
            raise ValueError(f"the reply answers {answer.result[:40]!r} to {name}")
        answers[name] = answer
    return answers


def unproven(finder: Finder, answers: Mapping[str, ModelAnswer]) -> dict[str, list[str]]:
    """The variables that were answered yes without a quote from the paper, with the quotes that were given."""
    return {
        name: answer.quotes
        for name, answer in answers.items()
        if name in SCORED and answer.result == "yes" and not is_proven(_located(finder, answer))
    }


def to_answer(finder: Finder, name: str, given: ModelAnswer) -> Answer:
    """One variable's answer. A yes is ``unverified`` where none of its quotes is in the paper."""
    result, evidence = given.result, _located(finder, given)
    if name in SCORED and result == "yes" and not evidence:
        result = "unverified"
        evidence = [Evidence(quote=quote, match="absent") for quote in given.quotes if _is_quote(quote)]
    return Answer(result=result, confidence=None, response=given.reason, evidence=evidence)


def _located(finder: Finder, answer: ModelAnswer) -> list[Evidence]:
    """The answer's quotes with their places in the paper, without those that speak to the assessor."""
    quotes = dict.fromkeys(quote.strip() for quote in answer.quotes if _is_quote(quote))
    return [evidence for quote in quotes for evidence in finder.evidence(quote)]


def _is_quote(text: str) -> bool:
    return bool(text.strip()) and not speaks_to_the_assessor(text)


def _parse_json(text: str) -> Any:
    """The JSON value in a reply, inside a code fence or not. Raises ValueError where there is none."""
    stripped = text.strip()
    if stripped.startswith("```"):
        stripped = stripped.strip("`").removeprefix("json").strip()
    try:
        return json.loads(stripped)
    except json.JSONDecodeError:
        start, end = stripped.find("{"), stripped.rfind("}")
        if start < 0 or end <= start:
            raise
        return json.loads(stripped[start : end + 1])
