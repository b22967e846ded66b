"""Assessing papers: one by one, or a batch that can be interrupted and taken up again.

``openbook.assess`` is this package and can be called as the function ``assess``, because importing a submodule of a
package puts the submodule in the place of a function of the same name.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openbook.assessors.base import Assessor
    from openbook.papers.paper import Paper
    from openbook.record.model import Record

__all__ = ["assess"]


def assess(paper: Paper | str | Path, assessor: Assessor | None = None) -> Record:
    """The record of a paper: answers to nine variables, their evidence and the scores.

    ``paper`` is what ``openbook.read`` gave, or a path, an arXiv id or an address. ``assessor`` is by default the linear
    one, which works offline. A paper that could not be read has a record that says why, without scores.
    Raises OpenbookError if there is no such file or the assessor cannot answer.
    """
    from openbook.assess.pipeline import assess_paper
    from openbook.papers.paper import Paper
    from openbook.papers.sandbox import read

    if assessor is None:
        from openbook.assessors.linear.assessor import LinearAssessor

        assessor = LinearAssessor()
    return assess_paper(paper if isinstance(paper, Paper) else read(paper), assessor)


class _CallableRoom(ModuleType):
    def __call__(self, paper: Paper | str | Path, assessor: Assessor | None = None) -> Record:
        return assess(paper, assessor)


sys.modules[__name__].__class__ = _CallableRoom
