"""Text that is in a PDF but that no reader sees: invisible or transparent, or white on white. Hostile papers use it."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pypdfium2.raw as pdfium

MOST_OBJECTS = 100_000
DEEPEST = 6
_INVISIBLE = frozenset([pdfium.FPDF_TEXTRENDERMODE_INVISIBLE, pdfium.FPDF_TEXTRENDERMODE_CLIP])
_STROKED = frozenset(
    [
        pdfium.FPDF_TEXTRENDERMODE_STROKE,
        pdfium.FPDF_TEXTRENDERMODE_STROKE_CLIP,
        pdfium.FPDF_TEXTRENDERMODE_FILL_STROKE,
        pdfium.FPDF_TEXTRENDERMODE_FILL_STROKE_CLIP,
    ]
)


@dataclass(slots=True)
class Objects:
    """What a page's objects tell: the text objects that cannot be seen, and the share that its largest image covers."""

    hidden: set[int] = field(default_factory=set)
    """Addresses of text objects."""
    image: float = 0.0


def inspect(page: Any, area: float) -> Objects:
    """Look at all objects of a page of this area (square points)."""
    found = Objects()
    invisible: list[int] = []
    white: list[tuple[int, Any]] = []
    colour = tuple(ctypes.c_uint() for _ in range(4))
    red, green, blue, alpha = colour
    pointers = tuple(map(ctypes.byref, colour))
    for item in _objects(page):
        kind = pdfium.FPDFPageObj_GetType(item)
        if kind == pdfium.FPDF_PAGEOBJ_TEXT:
            mode = pdfium.FPDFTextObj_GetTextRenderMode(item)
            if mode in _INVISIBLE:
                invisible.append(_address(item))
            elif mode not in _STROKED and pdfium.FPDFPageObj_GetFillColor(item, *pointers):
                if alpha.value < 8:
                    invisible.append(_address(item))
                elif red.value > 247 and green.value > 247 and blue.value > 247:
                    white.append((_address(item), item))
        elif kind == pdfium.FPDF_PAGEOBJ_IMAGE and area > 0:
            left, bottom, right, top = _bounds(item)
            found.image = max(found.image, min((right - left) * (top - bottom) / area, 1.0))
    if found.image < 0.5:  # else the page is a scan, and its recognised text lies invisible over the image
        found.hidden.update(invisible)
    if white:
        grounds = list(_grounds(page))
        for address, item in white:
            left, bottom, right, top = _bounds(item)
            x, y = (left + right) / 2, (bottom + top) / 2
            if not any(ground[0] <= x <= ground[2] and ground[1] <= y <= ground[3] for ground in grounds):
                found.hidden.add(address)
    return found


def mask(text_page: Any, count: int, hidden: set[int]) -> list[int]:
    """The indices of the characters that belong to hidden objects."""
    covered = []
    for index in range(count):
        item = pdfium.FPDFText_GetTextObject(text_page, index)
        if item and _address(item) in hidden:
            covered.append(index)
    return covered


def _address(item: Any) -> int:
    return ctypes.cast(item, ctypes.c_void_p).value or 0


def _objects(page: Any) -> Iterator[Any]:
    """All objects of a page, those inside forms too, up to a limit of number and depth."""
    budget = MOST_OBJECTS
    get = pdfium.FPDFPage_GetObject
    forms: list[tuple[Any, int]] = []
    for index in range(min(pdfium.FPDFPage_CountObjects(page), budget)):
        item = get(page, index)
        if pdfium.FPDFPageObj_GetType(item) == pdfium.FPDF_PAGEOBJ_FORM:
            forms.append((item, 1))
        else:
            yield item
        budget -= 1
    while forms and budget > 0:
        form, depth = forms.pop()
        for index in range(min(max(pdfium.FPDFFormObj_CountObjects(form), 0), budget)):
            item = pdfium.FPDFFormObj_GetObject(form, index)
            budget -= 1
            if pdfium.FPDFPageObj_GetType(item) != pdfium.FPDF_PAGEOBJ_FORM:
                yield item
            elif depth < DEEPEST:
                forms.append((item, depth + 1))


def _grounds(page: Any) -> Iterator[tuple[float, float, float, float]]:
    """Boxes on which white text can be seen: filled paths that are not white, images and shadings."""
    colour = tuple(ctypes.c_uint() for _ in range(4))
    red, green, blue, alpha = colour
    pointers = tuple(map(ctypes.byref, colour))
    mode, stroke = ctypes.c_int(), ctypes.c_int()
    for item in _objects(page):
        kind = pdfium.FPDFPageObj_GetType(item)
        if kind in (pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_SHADING):
            yield _bounds(item)
        elif kind == pdfium.FPDF_PAGEOBJ_PATH:
            if not pdfium.FPDFPath_GetDrawMode(item, ctypes.byref(mode), ctypes.byref(stroke)) or not mode.value:
                continue
            if not pdfium.FPDFPageObj_GetFillColor(item, *pointers) or alpha.value < 40:
                continue
            if min(red.value, green.value, blue.value) < 240:
                yield _bounds(item)


def _bounds(item: Any) -> tuple[float, float, float, float]:
    """Left, bottom, right, top."""
    box = [ctypes.c_float() for _ in range(4)]
    if not pdfium.FPDFPageObj_GetBounds(item, *map(ctypes.byref, box)):
        return 0.0, 0.0, 0.0, 0.0
    left, bottom, right, top = (value.value for value in box)
    return left, bottom, right, top
