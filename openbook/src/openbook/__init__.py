"""An open book on AI papers: what each one documents, with every answer tied to a sentence that is really there.

    import openbook

    paper = openbook.read("paper.pdf")
    record = openbook.assess(paper)
    record.answers["open_source_code"].evidence[0].quote
    openbook.locate("We train on 8 A100 GPUs.", paper)

``import openbook`` loads nothing heavy: each name is loaded when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from openbook.errors import OpenbookError

if TYPE_CHECKING:
    from openbook.assess import assess
    from openbook.evidence.locating import locate
    from openbook.papers.paper import Paper
    from openbook.papers.sandbox import read
    from openbook.record.model import Record

__version__ = "0.1.0"
__all__ = ["OpenbookError", "Paper", "Record", "__version__", "assess", "locate", "read"]

_HOMES = {
    "Paper": "openbook.papers.paper",
    "Record": "openbook.record.model",
    "locate": "openbook.evidence.locating",
    "read": "openbook.papers.sandbox",
}


def __getattr__(name: str) -> Any:
    if name == "assess":  # the room of this name, which can be called
        return import_module("openbook.assess")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
