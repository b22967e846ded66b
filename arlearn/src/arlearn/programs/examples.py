"""The circuits and machines that come with arlearn, and finding the text of one by path or by name."""

from __future__ import annotations

from pathlib import Path

import arlearn
from arlearn.errors import ArlearnError

LARGEST = 10_000_000  # bytes of a program's text


def folder() -> Path:
    """Where the examples are: inside an installed package, or beside the source tree."""
    package = Path(arlearn.__file__).parent
    inside = package / "examples"
    return inside if inside.is_dir() else package.parents[1] / "examples"


def names(suffix: str) -> list[str]:
    """The examples with this suffix, without it."""
    found = (path.name.removesuffix(suffix) for path in folder().glob(f"*{suffix}"))
    return sorted(name for name in found if "." not in name)  # .toml is not .program.toml


def read(name: str, suffix: str) -> tuple[str, str]:
    """(text, name) of a file, or of the example called so, with or without its suffix.

    Raises ArlearnError if there is neither, or the file cannot be read as text.
    """
    path = Path(name)
    if not path.exists() and path.name == name:
        shipped = folder() / (name if name.endswith(suffix) else name + suffix)
        path = shipped if shipped.exists() else path
    try:
        if path.stat().st_size > LARGEST:
            raise ArlearnError(f"{path} is too large to be the text of a program ({path.stat().st_size} bytes)")
        return path.read_text(encoding="utf-8"), path.stem
    except FileNotFoundError as error:
        raise ArlearnError(f"there is no file {name!r}; examples that need none: {', '.join(names(suffix))}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ArlearnError(f"{path} cannot be read as text: {error}") from error
