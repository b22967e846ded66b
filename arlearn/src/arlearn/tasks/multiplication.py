"""Multiplying two n-digit numbers."""

from __future__ import annotations

from arlearn.tasks.formats import Format
from arlearn.tasks.multiplication_formats import LINEAR_FORMATS, linear_format
from arlearn.tasks.pair_task import PairTask
from arlearn.tasks.paper_format import paper_format


class MultiplicationTask(PairTask):
    """a x b, written out in one of ``formats``.

    In the format ``linear`` (``multiplication_formats`` has the rule) the prompt is the digits of both factors. Each
    product of two digits is a pair token, followed by the number that stands in its column once it is added; the
    answer's digits come as soon as they are known, least significant first, and before the top one the last carry.
    47 x 86 = 4042, token by token:

    >>> import torch
    >>> task = MultiplicationTask(2, "linear")
    >>> " ".join(task.render(task.encode(torch.tensor([[47, 86]]))[0]))
    '4 7 8 6 7*6 s2 2 4*6 s8 7*8 s14 4 4*8 s10 0 s4 4'

    The same in the paper's format (``paper_format`` has the layout), ending in the product:

    >>> task = MultiplicationTask(2, "paper")
    >>> words = task.render(task.encode(torch.tensor([[47, 86]]))[0])
    >>> for first, last in ((0, 27), (27, 39), (39, 57), (57, 77)):
    ...     print(" ".join(words[first:last]))
    <s> 4 7 x 8 6 = ( 4 x 10^1 + 7 x 10^0 ) x ( 8 x 10^1 + 6 x 10^0 ) =
    4*8 10^2 + 4*6 10^1 + 7*8 10^1 + 7*6 10^0 =
    3 2 10^2 + 2 4 10^1 + ; 5 6 10^1 + 4 2 10^0 + ;
    = 3 2 0 0 = 3 4 4 0 = 4 0 0 0 = 4 0 4 2

    4 digits make 307 tokens of it, 296 of them generated:

    >>> task = MultiplicationTask(4, "paper")
    >>> task.length, task.generated
    (307, 296)
    """

    kind = "multiplication"
    sign = "x"
    formats = {**LINEAR_FORMATS, "paper": "the paper's: 307 tokens for 4 digits"}  # noqa: RUF012

    @staticmethod
    def _format(name: str, digits: int) -> Format:
        return paper_format(digits) if name == "paper" else linear_format(name, digits)
