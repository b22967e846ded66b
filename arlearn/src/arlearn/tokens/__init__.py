"""Vocabularies: text to tokens and back."""

from arlearn.tokens.bytepair import BytePair

__all__ = ["BytePair"]
