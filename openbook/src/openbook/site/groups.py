"""Groups of papers, and the figures of each: counted here from the rows of the lists, as the trends count them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from openbook.scores import reproducibility, wilson
from openbook.site.listed import UNKNOWN, Listed
from openbook.variables import SCORED


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one group. Shares and means are over its ``empirical`` papers; None when there are none."""

    papers: int
    empirical: int
    mean: float | None
    code_and_data: float | None
    shares: tuple[float | None, ...]
    flagged: int

    def interval(self, share: float | None) -> tuple[float, float] | None:
        """The Wilson interval (95 %) of a share of this group."""
        return None if share is None else wilson(share * self.empirical, self.empirical)


def figures(papers: Sequence[Listed]) -> Figures:
    """Count a group."""
    empirical = [one for one in papers if one.empirical]
    n = len(empirical)

    def share(test: Callable[[Listed], bool]) -> float | None:
        return sum(map(test, empirical)) / n if n else None

    both = (1 << SCORED.index("open_source_code")) | (1 << SCORED.index("open_datasets"))
    return Figures(
        papers=len(papers),
        empirical=n,
        mean=sum(one.documentation or 0 for one in empirical) / n if n else None,
        code_and_data=share(lambda one: one.yes & both == both),
        shares=tuple(share(lambda one, bit=1 << place: bool(one.yes & bit)) for place in range(len(SCORED))),  # type: ignore[misc]
        flagged=sum(bool(one.findings) for one in papers),
    )


def by(papers: Iterable[Listed], key: Callable[[Listed], str]) -> dict[str, list[Listed]]:
    """Papers by a key; keys in order, what is unknown last; papers by title."""
    ordered = sorted(papers, key=lambda one: (key(one) == UNKNOWN, key(one), one.name.casefold(), one.id))
    return {name: list(group) for name, group in groupby(ordered, key)}


def yes_of(mask: int) -> list[str]:
    """The variables of a bit mask."""
    return [variable for place, variable in enumerate(SCORED) if mask >> place & 1]


def reproducibility_of(one: Listed) -> tuple[float, tuple[float, float]]:
    """The Reproducibility Score of a row, with its interval."""
    return reproducibility(yes_of(one.yes))
