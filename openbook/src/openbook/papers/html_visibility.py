"""Which text of an HTML page its readers see: the style rules and attributes that hide text, in their order of weight."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

#: The width of the window, and the size of plain letters, in pixels.
_WINDOW: Final = 1280.0
_PLAIN: Final = 16.0
#: Letters smaller than this, in pixels, and contrasts lower than this (1 is none) cannot be read.
_SMALLEST: Final = 2.0
_FAINTEST: Final = 1.1
_MOST_RULES: Final = 3000
_MOST_MATCHES: Final = 200_000
#: Scripts show these where a style sheet hides them, or everything would be hidden.
_NEVER_HIDDEN: Final = frozenset("html body p div span main article section".split())

_COMMENT: Final = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_DECLARATION: Final = re.compile(r"([\w-]+)\s*:\s*([^;]+)")
_RELEVANT: Final = frozenset(
    (
        "display visibility opacity font-size font color background background-color left top right text-indent margin-left "
        "clip clip-path height max-height width max-width overflow overflow-y position transform"
    ).split()
)
_STATES: Final = re.compile(r":(?!not\(|root|first-child|last-child|nth-child|only-child|first-of-type|is\(|where\()")
_LENGTH: Final = re.compile(r"^\s*(-?\d*\.?\d+)\s*(px|pt|em|rem|%|vw|ch)?\s*$")
_SHORTHAND_SIZE: Final = re.compile(r"(?:^|\s)(\d*\.?\d+(?:px|pt|em|rem|%)?)\s*(?:/|\s|$)")
_OFF_PAGE: Final = re.compile(r"^\s*-\s*(?:\d{3,}(?:\.\d+)?(?:px|pt)|\d{2,}(?:\.\d+)?(?:em|rem|vw)|\d{3,}(?:\.\d+)?%)")
_ZERO: Final = re.compile(r"^\s*[01](?:px|pt)?\s*$|^\s*0(?:em|rem|%)?\s*$")
_COLOURS: Final = {
    "white": (255, 255, 255),
    "snow": (255, 250, 250),
    "ivory": (255, 255, 240),
    "ghostwhite": (248, 248, 255),
    "whitesmoke": (245, 245, 245),
    "black": (0, 0, 0),
    "navy": (0, 0, 128),
    "darkblue": (0, 0, 139),
    "blue": (0, 0, 255),
    "red": (255, 0, 0),
    "green": (0, 128, 0),
    "gray": (128, 128, 128),
    "grey": (128, 128, 128),
    "silver": (192, 192, 192),
}

Colour = tuple[float, float, float, float]
Weight = tuple[bool, int, int, int, int]


@dataclass(frozen=True, slots=True)
class _State:
    """What an element hands on to those inside it. A ground of None is a picture, or not known."""

    colour: Colour | None = (0, 0, 0, 1)
    ground: Colour | None = (255, 255, 255, 1)
    size: float = _PLAIN
    seen: bool = True


def drop_invisible(tree: LexborHTMLParser) -> set[int]:
    """Remove elements that are not shown; give the ids (``mem_id``) of those whose own letters cannot be seen."""
    styles = _styles(tree)
    unseen: set[int] = set()
    gone: list[LexborNode] = []
    root = tree.root
    stack = [(root, _State())] if root is not None and styles else []
    while stack:
        node, state = stack.pop()
        given = styles.get(node.mem_id)
        if given is not None:
            if _is_gone(given) and node.tag not in ("html", "body"):
                gone.append(node)
                continue
            state = _inside(state, given)
        if not state.seen or state.size < _SMALLEST or _is_faint(state):
            unseen.add(node.mem_id)
        child = node.child
        while child is not None:
            if child.tag != "-text":
                stack.append((child, state))
            child = child.next
    for node in gone:
        node.decompose()
    return unseen


def _styles(tree: LexborHTMLParser) -> dict[int, dict[str, str]]:
    """The relevant declarations of each element that has any, the weightiest of each kind."""
    weighed: dict[int, dict[str, tuple[Weight, str]]] = {}
    matches = 0

    def note(node: LexborNode, declarations: dict[str, tuple[str, bool]], weight: tuple[int, int, int, int]) -> None:
        given = weighed.setdefault(node.mem_id, {})
        for name, (value, important) in declarations.items():
            if name not in given or given[name][0] <= (important, *weight):
                given[name] = (important, *weight), value

    for node in tree.css("[bgcolor], [color], body[text]")[:5000]:
        attributes = node.attributes
        for name, attribute in (("background-color", "bgcolor"), ("color", "color"), ("color", "text")):
            value = attributes.get(attribute)
            if value and (attribute != "text" or node.tag == "body"):
                note(node, {name: (value.lower(), False)}, (-1, 0, 0, 0))
    order = 0
    for style in tree.css("style")[:50]:
        if not _applies(style.attributes.get("media") or "all"):
            continue
        for selectors, body in _rules(_COMMENT.sub("", (style.text() or "")[:500_000])):
            declarations = _declared(body)
            if not declarations:
                continue
            for selector in _split(selectors):
                selector = selector.strip()
                order += 1
                if not selector or order > _MOST_RULES or matches > _MOST_MATCHES or _STATES.search(selector):
                    continue
                if selector.lower() in _NEVER_HIDDEN:
                    kept = {
                        name: value
                        for name, value in declarations.items()
                        if name in ("color", "background", "background-color")
                    }
                else:
                    kept = declarations
                # A damaged style sheet has selectors that do not parse; they hide nothing.
                with suppress(SelectolaxError, ValueError):
                    found = tree.css(selector)
                    matches += len(found)
                    for node in found:
                        note(node, kept, (*_specificity(selector), order))
    for node in tree.css("[style]"):
        note(node, _declared(node.attributes.get("style") or ""), (1_000_000, 0, 0, 0))
    return {key: {name: value for name, (_, value) in given.items()} for key, given in weighed.items()}


def _split(selectors: str) -> list[str]:
    """The selectors of a list; commas in brackets do not separate."""
    if "(" not in selectors and "[" not in selectors:
        return selectors.split(",")
    return re.split(r",(?![^(\[]*[)\]])", selectors[:2000])


def _declared(body: str) -> dict[str, tuple[str, bool]]:
    """The relevant declarations of a rule: (value in lower case, whether it is marked as important)."""
    found = {}
    for name, value in _DECLARATION.findall(body):
        if name.lower() in _RELEVANT:
            plain = value.lower().replace("!important", "").strip()
            found[name.lower()] = plain, "!important" in value.lower()
    return found


def _specificity(selector: str) -> tuple[int, int, int]:
    bare = re.sub(r"\[[^\]]*\]", ".x", selector)
    return bare.count("#"), bare.count(".") + bare.count(":"), len(re.findall(r"(?:^|[\s>+~])[\w-]+", bare))


def _rules(css: str, depth: int = 0) -> Iterator[tuple[str, str]]:
    """(selectors, declarations) of a style sheet, of those in groups (``@media``) only where the group applies."""
    position = 0
    while (opening := css.find("{", position)) >= 0:
        prelude = css[position:opening].rpartition(";")[2].strip()
        level, end = 0, opening
        for found in re.compile(r"[{}]").finditer(css, opening):
            level += 1 if found.group() == "{" else -1
            end = found.end()
            if level == 0:
                break
        body = css[opening + 1 : end - 1 if level == 0 else end]
        position = max(end, opening + 1)
        if not prelude.startswith("@"):
            yield prelude, body
            continue
        name, _, condition = prelude[1:].partition(" ")
        nested = name.lower() == "layer" or (name.lower() == "media" and _applies(condition))
        nested = nested or (name.lower() == "supports" and not condition.strip().lower().startswith("not"))
        if nested and depth < 5:
            yield from _rules(body, depth + 1)


def _applies(condition: str) -> bool:
    """Whether a page on an ordinary screen meets a condition on media."""
    return any(_meets(part.strip().lower()) for part in condition.split(","))


def _meets(condition: str) -> bool:
    negated = condition.startswith("not ")
    condition = condition.removeprefix("not ").removeprefix("only ")
    kind = condition.partition("(")[0].replace(" and", "").strip()
    met = kind in ("", "all", "screen")
    for name, value in re.findall(r"\(\s*([\w-]+)\s*(?::\s*([^)]*))?\)", condition):
        number = re.match(r"[\d.]+", value.strip())
        width = float(number.group().rstrip(".") or 0) * (_PLAIN if "em" in value else 1) if number else 0.0
        met = met and (
            (name == "min-width" and width <= _WINDOW)
            or (name == "max-width" and width >= _WINDOW)
            or (name == "prefers-color-scheme" and value.strip() == "light")
        )
    return met != negated


def _is_gone(given: dict[str, str]) -> bool:
    """Whether an element and all inside it is not shown."""
    if given.get("display") == "none":
        return True
    opacity = _LENGTH.match(given.get("opacity", ""))
    if opacity and float(opacity.group(1)) < (5 if opacity.group(2) == "%" else 0.05):
        return True
    if any(_OFF_PAGE.match(given.get(name, "")) for name in ("left", "top", "right", "text-indent", "margin-left")):
        return True
    if given.get("position") in ("absolute", "fixed") and (
        re.match(r"rect\(\s*[01](?:px)?[\s,]+[01](?:px)?[\s,]+[01](?:px)?[\s,]+[01](?:px)?\s*\)", given.get("clip", ""))
        or re.match(r"inset\(\s*(?:50|100)%", given.get("clip-path", ""))
    ):
        return True
    if re.match(r"scale[xy]?\(\s*0(?:\.0\d*)?\s*[,)]", given.get("transform", "")):
        return True
    clipped = "hidden" in (given.get("overflow", ""), given.get("overflow-y", ""))
    sides = (given.get(name, "") for name in ("height", "max-height", "width", "max-width"))
    return clipped and any(_ZERO.match(side) for side in sides)


def _inside(state: _State, given: dict[str, str]) -> _State:
    """The state inside an element with these declarations."""
    size = _size(given.get("font-size", ""), state.size)
    if size is None and (found := _SHORTHAND_SIZE.search(given.get("font", ""))):
        size = _size(found.group(1), state.size)
    state = replace(state, size=state.size if size is None else size)
    visibility = given.get("visibility")
    if visibility in ("hidden", "collapse", "visible"):
        state = replace(state, seen=visibility == "visible")
    for name in ("background", "background-color"):
        value = given.get(name, "")
        if "url(" in value or "gradient" in value or "var(" in value:
            state = replace(state, ground=None)
        elif (ground := _first_colour(value)) is not None and ground[3] > 0.5:
            state = replace(state, ground=ground)
    if "color" in given and given["color"] not in ("inherit", "currentcolor"):
        state = replace(state, colour=_colour(given["color"]))
    return state


def _size(value: str, outside: float) -> float | None:
    """A size of letters in pixels; None if it is not known."""
    found = _LENGTH.match(value)
    if not found:
        return None
    number, unit = float(found.group(1)), found.group(2) or "px"
    scale = {"px": 1, "pt": 4 / 3, "em": outside, "rem": _PLAIN, "%": outside / 100, "vw": _WINDOW / 100, "ch": 8}[unit]
    return number * scale


def _is_faint(state: _State) -> bool:
    """Whether letters have the colour of what they stand on, or nearly."""
    if state.colour is None:
        return False
    if state.colour[3] < 0.05:
        return True
    if state.ground is None:
        return False
    lights = sorted((_light(state.colour), _light(state.ground)))
    return (lights[1] + 0.05) / (lights[0] + 0.05) < _FAINTEST


def _light(colour: Colour) -> float:
    """Relative luminance, 0..1 (WCAG 2.2)."""
    linear = [
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in (c / 255 for c in colour[:3])
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _first_colour(value: str) -> Colour | None:
    for word in re.findall(r"#[0-9a-f]+|(?:rgb|hsl)a?\([^)]*\)|[a-z]+", value):
        colour = _colour(word)
        if colour is not None:
            return colour
    return None


def _colour(value: str) -> Colour | None:
    """A colour as red, green, blue (0..255) and opacity (0..1); None if it is not known."""
    value = value.strip()
    if value == "transparent":
        return (0, 0, 0, 0)
    if value in _COLOURS:
        return (*_COLOURS[value], 1)
    if re.fullmatch(r"#(?:[0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})", value):
        digits = value[1:] if len(value) > 5 else "".join(2 * digit for digit in value[1:])
        parts = [int(digits[at : at + 2], 16) for at in range(0, len(digits), 2)]
        return (parts[0], parts[1], parts[2], parts[3] / 255 if len(parts) == 4 else 1)
    found = re.fullmatch(r"(rgb|hsl)a?\(([^)]*)\)", value)
    if not found:
        return None
    numbers = [float(n) / 100 if mark else float(n) for n, mark in re.findall(r"(\d*\.?\d+)(%?)", found.group(2))]
    if len(numbers) < 3:
        return None
    opacity = numbers[3] if len(numbers) > 3 else 1.0
    if found.group(1) == "hsl":
        if numbers[2] >= 0.98 or numbers[2] <= 0.02:  # white or black, whatever the hue
            shade = 255.0 * round(numbers[2])
            return (shade, shade, shade, opacity)
        return None
    scale = 255 if "%" in found.group(2) else 1
    return (numbers[0] * scale, numbers[1] * scale, numbers[2] * scale, opacity)
