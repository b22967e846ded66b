"""An open book on AI papers: what each one documents, with every answer tied to a sentence that is really there.

``import openbook`` loads nothing heavy.
"""

from importlib.metadata import PackageNotFoundError, version

from openbook.errors import OpenbookError

try:
    __version__ = version("openbook")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

__all__ = ["OpenbookError", "__version__"]
