"""Groups of papers, and the figures of each: counted here from the rows of the lists, as the trends count them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from openbook.record.scores import reproducibility, wilson
from openbook.variables import SCORED
from openbook.web.site.listed import UNKNOWN, Listed


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
    masks = Counter([one.yes for one in papers if one.documentation is not None and one.research_type != "theoretical"])
    n = sum(masks.values())

    def share(bits: int) -> float | None:
        return sum(count for mask, count in masks.items() if mask & bits == bits) / n if n else None

    return Figures(
        papers=len(papers),
        empirical=n,
        mean=sum(mask.bit_count() * count for mask, count in masks.items()) / n if n else None,
        code_and_data=share((1 << SCORED.index("open_source_code")) | (1 << SCORED.index("open_datasets"))),
        shares=tuple(share(1 << place) for place in range(len(SCORED))),
        flagged=sum(1 for one in papers if one.findings),
    )


def by_title(papers: Iterable[Listed]) -> list[Listed]:
    """Papers in the order of the lists."""
    return sorted(papers, key=lambda one: (one.name.casefold(), one.id))


def by(papers: Iterable[Listed], key: Callable[[Listed], str]) -> dict[str, list[Listed]]:
    """Papers by a key; keys in order, what is unknown last; papers as they came."""
    found: dict[str, list[Listed]] = {}
    for one in papers:
        found.setdefault(key(one), []).append(one)
    return dict(sorted(found.items(), key=lambda pair: (pair[0] == UNKNOWN, pair[0])))


def yes_of(mask: int) -> list[str]:
    """The variables of a bit mask."""
    return [variable for place, variable in enumerate(SCORED) if mask >> place & 1]


def reproducibility_of(one: Listed) -> tuple[float, tuple[float, float]]:
    """The Reproducibility Score of a row, with its interval."""
    return reproducibility(yes_of(one.yes))
