"""Evidence: where a quote stands in a paper, or that it does not."""

from openbook.evidence.checking import check_answers
from openbook.evidence.locating import Finder, Location, locate

__all__ = ["Finder", "Location", "check_answers", "locate"]
