"""The files of the linear assessor's weights, and what else decides its answers. Loads nothing heavy.

The weights are a NumPy archive beside a JSON card; ``model`` says what is in them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from openbook.errors import OpenbookError
from openbook.files import sha256

SHIPPED: Final = Path(__file__).parent / "weights"
FORMAT: Final = 2
WEIGHTS_FILE: Final = "linear.npz"
CARD_FILE: Final = "linear.json"
AGAIN: Final = "run openbook train"
"""What to do where weights cannot be used."""
SURE: Final = 0.65
"""Below this calibrated probability of its own answer, the assessor says that it is unsure."""
FLOOR: Final = 0.4
"""The least probability of a yes' best statement: below it more first quotes fail to prove than proofs are found."""
MOST_QUOTES: Final = 3
LONGEST: Final = 400
"""A quote has at most this many characters."""


def read_weights(folder: Path) -> tuple[dict[str, Any], bytes]:
    """The card and the archive in a folder. Raises OpenbookError if one is absent or they do not belong together."""
    try:
        card = json.loads((folder / CARD_FILE).read_text(encoding="utf-8"))
        data = (folder / WEIGHTS_FILE).read_bytes()
    except FileNotFoundError as error:
        missing = Path(error.filename).name
        raise OpenbookError(f"no weights in {folder}: {missing} is missing; {AGAIN}") from error
    except (OSError, ValueError) as error:
        raise OpenbookError(f"the weights in {folder} cannot be read ({error}); {AGAIN}") from error
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        raise OpenbookError(f"the weights in {folder} are for another version of openbook; {AGAIN}")
    if card.get("weights_sha256") != sha256(data):
        raise OpenbookError(f"{folder / WEIGHTS_FILE} is not the file its card describes; {AGAIN}")
    return card, data
