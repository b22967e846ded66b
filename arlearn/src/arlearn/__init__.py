"""Auto-regressive next-token predictors: linear networks and shallow MLPs that learn text, arithmetic and programs.

``import arlearn`` loads nothing heavy: PyTorch comes in with the first predictor.
"""

from importlib.metadata import PackageNotFoundError, version

from arlearn.errors import ArlearnError

try:
    __version__ = version("arlearn")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

__all__ = ["ArlearnError", "__version__"]
