"""Text that is in a PDF but that no reader of the page sees. Hostile papers use it, and authors leave it behind.

A cheap look at a page's objects finds the text that may be hidden: invisible or transparent, of a light colour, under
something opaque that was painted later, or in a document with layers switched off. Only then the page is rendered twice,
with this text and without it: the text is visible where the two pictures differ.
"""

from __future__ import annotations

import ctypes
import math
import re
import zlib
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import repeat
from typing import TYPE_CHECKING, Any

import pypdfium2.raw as pdfium

if TYPE_CHECKING:
    import numpy as np

Box = tuple[float, float, float, float]
"""Left, bottom, right, top, in points of the page."""

MOST_OBJECTS = 100_000
DEEPEST = 6
LIGHT = 215
"""A colour with no channel below this (of 255) may not be visible."""
CONTRAST = 32
"""A character is visible when it changes a channel of some pixel by this much (of 255)."""
FEWEST_LETTERS = 16
"""Fewer letters than this on a page, which may be hidden, are not looked at: labels of figures."""
MOST_PIXELS = 4_000_000
_INVISIBLE = frozenset([pdfium.FPDF_TEXTRENDERMODE_INVISIBLE, pdfium.FPDF_TEXTRENDERMODE_CLIP])
_STROKED = frozenset(
    [
        pdfium.FPDF_TEXTRENDERMODE_STROKE,
        pdfium.FPDF_TEXTRENDERMODE_STROKE_CLIP,
        pdfium.FPDF_TEXTRENDERMODE_FILL_STROKE,
        pdfium.FPDF_TEXTRENDERMODE_FILL_STROKE_CLIP,
    ]
)
_LAYER_OFF = re.compile(
    rb"/OFF\s*(?:\[\s*\d|\d)|/BaseState\s*/OFF|/(?:View|Print)State\s*/OFF|/P\s*/A(?:ll|ny)Off|/VE\b"
)
_COVERING_ANNOTATIONS = frozenset(
    [
        pdfium.FPDF_ANNOT_SQUARE,
        pdfium.FPDF_ANNOT_CIRCLE,
        pdfium.FPDF_ANNOT_POLYGON,
        pdfium.FPDF_ANNOT_STAMP,
        pdfium.FPDF_ANNOT_FREETEXT,
        pdfium.FPDF_ANNOT_REDACT,
        pdfium.FPDF_ANNOT_INK,
    ]
)


def has_layers_off(data: bytes) -> bool:
    """Whether a PDF may have layers (optional content) that are switched off. An encrypted one may."""
    if b"/Encrypt" in data or _LAYER_OFF.search(data):
        return True
    at, left = data.find(b"/ObjStm"), 20_000_000
    while at >= 0 and left > 0:
        start = data.find(b"stream", at)
        if 0 <= start < at + 500:
            try:
                content = zlib.decompressobj().decompress(data[start + 6 :].lstrip(b"\r\n"), left)
            except zlib.error:
                content = b""
            left -= len(content)
            if _LAYER_OFF.search(content):
                return True
        at = data.find(b"/ObjStm", at + 7)
    return False


def fast_call(function: Any, result: Any, *arguments: Any) -> Callable[..., Any]:
    """A PDFium function that takes and gives addresses as plain numbers: half the time of a call by the bindings."""
    address = ctypes.cast(function, ctypes.c_void_p).value
    return ctypes.PYFUNCTYPE(result, *arguments)(address)  # type: ignore[arg-type]


_P, _I = ctypes.c_void_p, ctypes.c_int
_page_objects = fast_call(pdfium.FPDFPage_CountObjects, _I, _P)
_page_object = fast_call(pdfium.FPDFPage_GetObject, _P, _P, _I)
_form_objects = fast_call(pdfium.FPDFFormObj_CountObjects, _I, _P)
_form_object = fast_call(pdfium.FPDFFormObj_GetObject, _P, _P, ctypes.c_ulong)
_kind = fast_call(pdfium.FPDFPageObj_GetType, _I, _P)
_render_mode = fast_call(pdfium.FPDFTextObj_GetTextRenderMode, _I, _P)
_fill_colour = fast_call(pdfium.FPDFPageObj_GetFillColor, _I, _P, _P, _P, _P, _P)
_draw_mode = fast_call(pdfium.FPDFPath_GetDrawMode, _I, _P, _P, _P)
_object_bounds = fast_call(pdfium.FPDFPageObj_GetBounds, _I, _P, _P, _P, _P, _P)
_object_matrix = fast_call(pdfium.FPDFPageObj_GetMatrix, _I, _P, _P)
_set_active = fast_call(pdfium.FPDFPageObj_SetIsActive, _I, _P, _I)
_char_object = fast_call(pdfium.FPDFText_GetTextObject, _P, _P, _I)
_char_box = fast_call(pdfium.FPDFText_GetCharBox, _I, _P, _I, _P, _P, _P, _P)
_generated = fast_call(pdfium.FPDFText_IsGenerated, _I, _P, _I)
_FORM, _TEXT, _PATH, _IMAGE, _SHADING = (
    pdfium.FPDF_PAGEOBJ_FORM,
    pdfium.FPDF_PAGEOBJ_TEXT,
    pdfium.FPDF_PAGEOBJ_PATH,
    pdfium.FPDF_PAGEOBJ_IMAGE,
    pdfium.FPDF_PAGEOBJ_SHADING,
)
_COLOUR = array("I", bytes(16))  # read five times as fast as an array of ctypes
_COLOUR_AT = _COLOUR.buffer_info()[0]
_FLOATS = array("f", bytes(24))
_FLOATS_AT = _FLOATS.buffer_info()[0]


@dataclass(slots=True)
class PageInspection:
    """What the objects of a page tell about its text. Text objects are named by their addresses."""

    hidden: set[int] = field(default_factory=set)
    """Surely invisible, unless the page is a scan."""
    suspects: set[int] = field(default_factory=set)
    """Perhaps invisible."""
    images: float = 0.0
    """The share of the page that images cover."""


def inspect(page: Any, box: Box, *, layered: bool = False, links: int = 0) -> PageInspection:
    """Look at all objects of a page, whose visible part is ``box``.

    ``layered``: some layers are switched off. ``links``: so many annotations are links, which cover nothing.
    """
    seen = PageInspection()
    hidden, suspects = seen.hidden, seen.suspects
    texts: list[tuple[int, int, _Matrix]] = []
    covers: list[tuple[int, Box]] = []
    images: list[Box] = []
    red, green, blue, alpha = (_COLOUR_AT + 4 * index for index in range(4))
    order = 0
    for kind, item, matrix in _objects(pointer_of(page)):
        order += 1
        if kind == _TEXT:
            mode = _render_mode(item)
            if mode in _INVISIBLE:
                hidden.add(item)
                continue
            texts.append((order, item, matrix))
            if layered:
                suspects.add(item)
            elif mode not in _STROKED and _fill_colour(item, red, green, blue, alpha):
                r, g, b, opacity = _COLOUR
                if opacity < 8:
                    hidden.add(item)
                elif opacity < 64 or (r > LIGHT and g > LIGHT and b > LIGHT):
                    suspects.add(item)
        elif kind == _PATH:
            if texts and _draw_mode(item, _COLOUR_AT, _COLOUR_AT + 4) and _COLOUR[0]:
                bounds = _bounds(item, matrix)
                if bounds[3] - bounds[1] > 3 and bounds[2] - bounds[0] > 2:
                    covers.append((order, bounds))
        elif kind in (_IMAGE, _SHADING):
            bounds = _bounds(item, matrix)
            covers.append((order, bounds))
            if kind == _IMAGE:
                images.append(bounds)
    if pdfium.FPDFPage_GetAnnotCount(page) > links:
        covers.extend((order + 1, bounds) for bounds in _annotations(page))
    if covers and texts and not layered:
        _suspect_covered(seen, texts, covers)
    if images:
        seen.images = _share(images, box)
    if suspects and not layered and len(suspects) < 50 and _letters(texts, suspects) < FEWEST_LETTERS:
        suspects.clear()
    return seen


def _letters(texts: list[tuple[int, int, _Matrix]], suspects: set[int]) -> float:
    """About how many letters the suspected objects hold, by their shapes."""
    boxes = (_bounds(item, matrix) for _, item, matrix in texts if item in suspects)
    return sum(2 * (right - left) / max(top - bottom, 0.1) for left, bottom, right, top in boxes)


def unseen_characters(page: Any, text_page: Any, count: int, seen: PageInspection) -> list[int]:
    """The indices of the characters, of the first ``count``, that a reader of the page does not see.

    A page that is mostly images and mostly invisible text is a scan: its recognised text counts as visible.
    """
    if not seen.hidden and not seen.suspects:
        return []
    characters = pointer_of(text_page)
    addresses = [_char_object(characters, index) or 0 for index in range(count)]
    places = [index for index, address in enumerate(addresses) if address in seen.suspects]
    shown = _shown(page, text_page, places, seen) if places else set()
    parts: dict[int, list[bool]] = {}
    for index in places:
        parts.setdefault(addresses[index], []).append(index in shown)
    # a few pale points and commas of a visible line are visible too
    whole = {address for address, found in parts.items() if sum(found) > 0.7 * len(found)}
    unseen = [
        index
        for index, address in enumerate(addresses)
        if address in seen.hidden or (address in seen.suspects and index not in shown and address not in whole)
    ]
    if seen.images >= 0.5 and unseen:
        printed = sum(1 for index, address in enumerate(addresses) if address and not _generated(characters, index))
        if len(unseen) > 0.6 * printed:
            return []
    return unseen


def _suspect_covered(
    seen: PageInspection, texts: list[tuple[int, int, _Matrix]], covers: list[tuple[int, Box]], most: int = 1000
) -> None:
    """Suspect every text object that lies under something painted later."""
    covers = covers[-most:]
    last = covers[-1][0]
    for order, item, matrix in texts:
        if order > last:
            break
        left, bottom, right, top = _bounds(item, matrix)
        middle = (bottom + top) / 2
        for later, box in covers:
            if later > order and box[1] < middle < box[3] and box[0] < right and box[2] > left:
                seen.suspects.add(item)
                break


def _shown(page: Any, text_page: Any, places: list[int], seen: PageInspection) -> set[int]:
    """Which of these characters change the picture of the page."""
    import numpy as np  # few papers need it

    boxes: dict[int, Box] = {}
    characters, doubles = pointer_of(text_page), (ctypes.c_double * 4)()
    at = [ctypes.addressof(doubles) + 8 * index for index in range(4)]
    for index in places:
        if _char_box(characters, index, *at):
            left, right, bottom, top = doubles
            boxes[index] = (left, bottom, right, top)
    width, height = pdfium.FPDF_GetPageWidthF(page), pdfium.FPDF_GetPageHeightF(page)
    if not boxes or width < 1 or height < 1:
        return set()
    scale = min(2.0, math.sqrt(MOST_PIXELS / (width * height)))
    size = max(int(width * scale), 1), max(int(height * scale), 1)
    # a far point of each axis tells how the page is scaled and turned
    x, y = ctypes.c_int(), ctypes.c_int()
    points = []
    for corner in ((0.0, 0.0), (1000.0, 0.0), (0.0, 1000.0)):
        pdfium.FPDF_PageToDevice(page, 0, 0, *size, 0, *corner, ctypes.byref(x), ctypes.byref(y))
        points.append((x.value, y.value))
    (e, f), (ae, bf), (ce, df) = points
    a, b, c, d = ((ae - e) / 1000, (bf - f) / 1000, (ce - e) / 1000, (df - f) / 1000)
    device: dict[int, tuple[int, int, int, int]] = {}
    for index, (left, bottom, right, top) in boxes.items():
        xa, xb = a * left + c * bottom + e, a * right + c * top + e
        ya, yb = b * left + d * bottom + f, b * right + d * top + f
        device[index] = (int(min(xa, xb)), int(min(ya, yb)), int(max(xa, xb)) + 1, int(max(ya, yb)) + 1)
    area = (
        max(min(box[0] for box in device.values()), 0),
        max(min(box[1] for box in device.values()), 0),
        min(max(box[2] for box in device.values()), size[0]),
        min(max(box[3] for box in device.values()), size[1]),
    )
    if area[0] >= area[2] or area[1] >= area[3]:
        return set()
    whole = _rendered(page, size, area)
    for item in seen.suspects:
        _set_active(item, 0)
    without = _rendered(page, size, area)
    for item in seen.suspects:
        _set_active(item, 1)
    changed = np.abs(whole.astype(np.int16) - without.astype(np.int16)).max(axis=2) >= CONTRAST
    shown = set()
    for index, (x0, y0, x1, y1) in device.items():
        if changed[max(y0 - area[1], 0) : max(y1 - area[1], 0), max(x0 - area[0], 0) : max(x1 - area[0], 0)].any():
            shown.add(index)
    return shown


def _rendered(page: Any, size: tuple[int, int], area: tuple[int, int, int, int]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A part of the page's picture at this size, in pixels: height x width x 3 (blue, green, red)."""
    import numpy as np

    left, top, right, bottom = area
    width, height = right - left, bottom - top
    bitmap = pdfium.FPDFBitmap_CreateEx(width, height, pdfium.FPDFBitmap_BGRx, None, 0)
    if not bitmap:
        return np.zeros((height, width, 3), np.uint8)
    try:
        pdfium.FPDFBitmap_FillRect(bitmap, 0, 0, width, height, 0xFFFFFFFF)
        pdfium.FPDF_RenderPageBitmap(bitmap, page, -left, -top, *size, 0, pdfium.FPDF_ANNOT)
        stride = pdfium.FPDFBitmap_GetStride(bitmap)
        content = ctypes.string_at(pdfium.FPDFBitmap_GetBuffer(bitmap), stride * height)
    finally:
        pdfium.FPDFBitmap_Destroy(bitmap)
    return np.frombuffer(content, np.uint8).reshape(height, stride // 4, 4)[:, :width, :3]


def _share(boxes: list[Box], page: Box) -> float:
    """The share of the page that boxes cover together, on a grid of 40 by 40."""
    left, bottom, right, top = page
    if right - left < 1 or top - bottom < 1:
        return 0.0
    covered: set[tuple[int, int]] = set()
    for x0, y0, x1, y1 in boxes[:1000]:
        columns = [min(max(round(40 * (x - left) / (right - left)), 0), 40) for x in (x0, x1)]
        rows = [min(max(round(40 * (y - bottom) / (top - bottom)), 0), 40) for y in (y0, y1)]
        covered.update((column, row) for column in range(*columns) for row in range(*rows))
    return len(covered) / 1600


def _annotations(page: Any) -> Iterator[Box]:
    """The boxes of annotations that may cover text."""
    box = pdfium.FS_RECTF()
    for index in range(min(pdfium.FPDFPage_GetAnnotCount(page), 2000)):
        annotation = pdfium.FPDFPage_GetAnnot(page, index)
        if not annotation:
            continue
        if pdfium.FPDFAnnot_GetSubtype(annotation) in _COVERING_ANNOTATIONS and pdfium.FPDFAnnot_GetRect(
            annotation, ctypes.byref(box)
        ):
            yield min(box.left, box.right), min(box.bottom, box.top), max(box.left, box.right), max(box.bottom, box.top)
        pdfium.FPDFPage_CloseAnnot(annotation)


_Matrix = tuple[float, float, float, float, float, float] | None
"""From the space of a form to the page; None for the page itself."""


def pointer_of(handle: Any) -> int:
    """The address behind one of PDFium's handles, for functions made by ``fast_call``."""
    return ctypes.cast(handle, ctypes.c_void_p).value or 0


def _objects(page: int) -> Iterator[tuple[int, int, _Matrix]]:
    """All objects of a page in the order of painting, those inside forms too, up to a limit of number and depth."""
    budget = MOST_OBJECTS
    stack: list[tuple[Iterator[tuple[int, int]], _Matrix]] = []

    def enter(get: Callable[..., Any], holder: int, count: int, matrix: _Matrix) -> None:
        nonlocal budget
        items = list(map(get, repeat(holder), range(min(max(count, 0), budget))))
        budget -= len(items)
        stack.append((zip(map(_kind, items), items, strict=True), matrix))

    enter(_page_object, page, _page_objects(page), None)
    while stack:
        siblings, matrix = stack[-1]
        for kind, item in siblings:
            if kind != _FORM:
                yield kind, item, matrix
            elif len(stack) <= DEEPEST:
                enter(_form_object, item, _form_objects(item), _combined(item, matrix))
                break
        else:
            stack.pop()


def _combined(form: int, outer: _Matrix) -> _Matrix:
    if not _object_matrix(form, _FLOATS_AT):
        return outer
    a, b, c, d, e, f = _FLOATS
    if outer is None:
        return a, b, c, d, e, f
    p, q, r, s, t, u = outer
    return a * p + b * r, a * q + b * s, c * p + d * r, c * q + d * s, e * p + f * r + t, e * q + f * s + u


def _bounds(item: int, matrix: _Matrix) -> Box:
    """The box of an object on the page."""
    if not _object_bounds(item, _FLOATS_AT, _FLOATS_AT + 4, _FLOATS_AT + 8, _FLOATS_AT + 12):
        return 0.0, 0.0, 0.0, 0.0
    left, bottom, right, top = _FLOATS[:4]
    if matrix is None:
        return left, bottom, right, top
    a, b, c, d, e, f = matrix
    xs = [a * x + c * y + e for x in (left, right) for y in (bottom, top)]
    ys = [b * x + d * y + f for x in (left, right) for y in (bottom, top)]
    return min(xs), min(ys), max(xs), max(ys)
