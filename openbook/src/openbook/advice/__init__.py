"""Advice to authors: what to add to a paper, and where in it."""

from openbook.advice.advising import Advice, Place, advise

__all__ = ["Advice", "Place", "advise"]
