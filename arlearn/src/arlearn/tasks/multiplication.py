"""Multiplying two n-digit numbers."""

from __future__ import annotations

from arlearn.tasks.multiplication_formats import LINEAR_FORMATS, Format, linear_format
from arlearn.tasks.pair_task import PairTask
from arlearn.tasks.paper_format import paper_format


class MultiplicationTask(PairTask):
    """a x b, written out in one of ``formats``."""

    kind = "multiplication"
    sign = "x"
    formats = {**LINEAR_FORMATS, "paper": "the paper's: 307 tokens for 4 digits"}  # noqa: RUF012

    @staticmethod
    def _format(name: str, digits: int) -> Format:
        return paper_format(digits) if name == "paper" else linear_format(name, digits)
