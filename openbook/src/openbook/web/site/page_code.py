"""What decides how a paper's page looks, besides its record: the modules, templates and data files that really make it.

They are found, not listed by hand: the modules that the page maker imports, directly or not, the templates that these
modules name with all that those extend, import or include, and the TOML and JSON files beside the modules.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterator
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Final

from jinja2 import Environment
from jinja2.meta import find_referenced_templates
from jinja2.nodes import Const

ENTRY: Final = "openbook.web.site.rendering"
#: Libraries that write markup and records.
_LIBRARIES: Final = ("jinja2", "markupsafe", "pydantic")


def seal(*settings: object, root: Path | None = None) -> str:
    """A hash of everything besides a record that its page depends on; ``root`` is the package's folder."""
    root = root or Path(str(files("openbook")))
    named = [*map(repr, settings), *(version(name) for name in _LIBRARIES)]
    total = hashlib.sha256(json.dumps(named).encode())
    for path in page_files(root):
        total.update(path.relative_to(root).as_posix().encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def page_files(root: Path) -> list[Path]:
    """Every file of the package that makes papers' pages, in order."""
    modules = _modules(root)
    data = {one for path in modules for ending in ("*.toml", "*.json") for one in path.parent.glob(ending)}
    named = {name for tree in modules.values() for name in _template_names(tree)}
    return sorted(modules.keys() | data | _templates(root / "web" / "templates", named))


def _modules(root: Path) -> dict[Path, ast.Module]:
    """The page maker and all modules of the package that it imports, directly or not, as syntax trees."""
    found: dict[Path, ast.Module] = {}
    waiting = [ENTRY]
    while waiting:
        name = waiting.pop()
        path = _path(root, name)
        if path is None or path in found:
            continue
        found[path] = ast.parse(path.read_bytes())
        waiting += [name.rsplit(".", 1)[0]] if name.count(".") else []
        waiting += _imported(found[path], path.name == "__init__.py")
    return found


def _path(root: Path, name: str) -> Path | None:
    """The path of a module of the package; None for any other module."""
    if name.split(".")[0] != "openbook":
        return None
    place = root.joinpath(*name.split(".")[1:])
    return next((path for path in (place / "__init__.py", place.with_suffix(".py")) if path.is_file()), None)


def _imported(tree: ast.Module, is_package: bool) -> Iterator[str]:
    """The names that a module imports. In an ``__init__`` those of functions do not count: it only passes them on."""
    for node in _top(tree) if is_package else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{one.name}" for one in node.names)


def _top(tree: ast.Module) -> Iterator[ast.AST]:
    """What a module runs when it is imported, without what only type checkers read."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        yield node
        typing_only = isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        if not typing_only and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)


def _template_names(tree: ast.Module) -> Iterator[str]:
    """The templates that a module names: a name without a folder is one of the site's."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.endswith(".jinja"):
            yield _whole(node.value)


def _whole(template: str) -> str:
    return template if "/" in template else f"site/{template}"


def _templates(folder: Path, named: set[str]) -> set[Path]:
    """Templates and all that they refer to."""
    found: set[Path] = set()
    waiting = list(named)
    while waiting:
        path = folder / waiting.pop()
        if path.is_file() and path not in found:
            found.add(path)
            tree = Environment(autoescape=True).parse(path.read_text(encoding="utf-8"))
            waiting += [name for name in find_referenced_templates(tree) if name]
            constants = (node.value for node in tree.find_all(Const))
            waiting += [_whole(text) for text in constants if isinstance(text, str) and text.endswith(".jinja")]
    return found
