"""The badge of a paper, an SVG of its own, and the icon of the site."""

from __future__ import annotations

from typing import Final

#: Colours of the right half with white text on them, each above 4.5:1, from none documented to all seven.
_COLOURS: Final = ("#5f6670", "#5f6670", "#7a5a12", "#7a5a12", "#3a6a2c", "#2b6b3a", "#1d6a42", "#17633f")
ICON: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="6" fill="#1a587c"/>'
    '<path d="M16 9c-2-2-5-2.500-9-2.500v16c4 0 7 .5 9 2.500 2-2 5-2.500 9-2.500v-16c-4 0-7 .5-9 2.500z" fill="none" '
    'stroke="#fff" stroke-width="2.200" stroke-linejoin="round"/><path d="M16 9v16" stroke="#fff" stroke-width="2.200"/></svg>\n'
)


def words(documentation: int | None) -> str:
    """What the badge says."""
    return "not read" if documentation is None else f"documents {documentation} of 7"


def badge(documentation: int | None) -> str:
    """The badge: the same for all papers of one Documentation Score."""
    said = words(documentation)
    colour = _COLOURS[0 if documentation is None else documentation]
    left, right = 68, 20 + round(6.4 * len(said))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" '
        f'aria-label="openbook: {said}"><title>openbook: {said} (an estimate)</title>'
        f'<clipPath id="r"><rect width="{left + right}" height="20" rx="3"/></clipPath>'
        f'<g clip-path="url(#r)"><rect width="{left}" height="20" fill="#33393f"/>'
        f'<rect x="{left}" width="{right}" height="20" fill="{colour}"/></g>'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,Geneva,sans-serif" font-size="11" text-anchor="middle">'
        f'<text x="{left / 2:g}" y="14" textLength="{left - 14}">openbook</text>'
        f'<text x="{left + right / 2:g}" y="14" textLength="{right - 14}">{said}</text></g></svg>\n'
    )
