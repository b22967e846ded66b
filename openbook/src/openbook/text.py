"""Texts as they are shown: on one line, shortened, a share as a percentage."""

from __future__ import annotations


def one_line(text: str) -> str:
    """A text with every run of white space as one space, and none at its ends."""
    return " ".join(text.split())


def shortened(text: str, most: int, *, tail: int = 0) -> str:
    """A text of at most ``most`` characters: an ellipsis stands for what is left out.

    The cut comes between two words where there is a space near it. The last ``tail`` characters are kept.
    """
    if len(text) <= most:
        return text
    head = text[: most - tail - 1]
    if " " in head[-20:]:
        head = head.rsplit(" ", 1)[0]
    return f"{head.rstrip()}…{text[len(text) - tail :].lstrip()}"


def percent(
    share: float | None, digits: int = 0, *, interval: tuple[float, float] | None = None, sign: str = "\u00a0%"
) -> str:
    """A fraction as a percentage, with its interval; a dash where there is none. ``sign`` stands after the number."""
    if share is None:
        return "-"
    low_and_high = f" [{100 * interval[0]:.{digits}f}, {100 * interval[1]:.{digits}f}]" if interval else ""
    return f"{100 * share:.{digits}f}{low_and_high}{sign}"
