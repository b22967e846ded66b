"""Text as it is generated: tokens come one by one, characters only once they are whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable

BROKEN = "\ufffd"
PATIENCE = 8  # tokens after which a broken character is taken for one that stays broken


class TextStream:
    """Turns tokens into pieces of text whose concatenation is the decoding of all tokens.

    A character of several bytes may be spread over several tokens; until it is whole, decoding ends in U+FFFD, and
    the end is held back.
    """

    def __init__(self, decode: Callable[[Iterable[int]], str]) -> None:
        self._decode = decode
        self._tokens: list[int] = []
        self._told = ""
        self._waiting = 0

    def feed(self, token: int) -> str:
        """What can be shown now that this token is there."""
        self._tokens.append(token)
        text = self._decode(self._tokens)
        self._waiting = self._waiting + 1 if text.endswith(BROKEN) else 0
        return self._tell(text.rstrip(BROKEN) if 0 < self._waiting < PATIENCE else text)

    def end(self) -> str:
        """What was held back."""
        return self._tell(self._decode(self._tokens))

    def _tell(self, text: str) -> str:
        # what has been shown cannot be taken back, so only what extends it is told
        if not text.startswith(self._told):
            return ""
        piece, self._told = text[len(self._told) :], text
        return piece
