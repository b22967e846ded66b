"""Auto-regressive next-token predictors: linear networks and shallow MLPs that learn text, arithmetic and programs.

    import arlearn

    model = arlearn.load("runs/a")
    arlearn.generate(model, "Once upon a time")

``import arlearn`` loads nothing heavy: PyTorch comes in with the first of ``load``, ``generate``, ``compile`` and
``train`` that is used.
"""

from typing import TYPE_CHECKING, Any

from arlearn.errors import ArlearnError

if TYPE_CHECKING:
    from arlearn.api import compile, generate, load, train

__version__: str
__all__ = ["ArlearnError", "__version__", "compile", "generate", "load", "train"]


def __getattr__(name: str) -> Any:
    """The version, or a function of ``arlearn.api``, looked up when it is first used."""
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("arlearn")
        except PackageNotFoundError:  # a source tree that was never installed
            return "0+unknown"
    if name not in ("compile", "generate", "load", "train"):
        raise AttributeError(f"module 'arlearn' has no attribute {name!r}")
    from arlearn import api

    return getattr(api, name)
