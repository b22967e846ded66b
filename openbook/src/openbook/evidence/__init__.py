"""Evidence: where a quote stands in a paper, or that it does not."""

from openbook.evidence.checking import check_answers
from openbook.evidence.finder import Finder, Location

__all__ = ["Finder", "Location", "check_answers"]
