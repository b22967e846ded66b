"""Whether what it takes to ask a model is installed."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

from openbook.errors import OpenbookError

LIBRARIES: Final = ("any_llm", "aiohttp", "openai", "genai_prices", "aiolimiter", "tenacity")


def require_extra() -> None:
    """Raise OpenbookError, naming them and the extra, where libraries for asking a model are missing.

    All are asked for at once: some are common, so one that is there says nothing of the others, and a run that has begun
    should not find out.
    """
    missing = [name for name in LIBRARIES if find_spec(name) is None]
    if missing:
        raise OpenbookError(
            f"asking a model needs the extra: pip install 'openbook[llm]' (missing: {', '.join(missing)})"
        )
