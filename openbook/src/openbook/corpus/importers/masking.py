"""Masks e-mail addresses, so that an imported index passes nobody's address on."""

from __future__ import annotations

import re
from typing import Final

MASK: Final = "<EMAIL>"

#: ``name@host.tld`` and the grouped form of author lists, ``{ann, bob}@host.tld``. The host must end in letters, so that
#: ``pass@1``, ``BLEU@4`` and ``UAV123@10fps`` stay; ``git@host`` is the name of a service, not of a person.
_ADDRESS: Final = re.compile(
    r"(?:\{[^{}@<>]{1,200}\}|(?<![\w.+%-])(?!git@)[\w.+%-]+)\s?@\s?(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}\b"
)


def mask_emails(text: str) -> str:
    """``text`` with every e-mail address replaced by ``<EMAIL>``."""
    return _ADDRESS.sub(MASK, text) if "@" in text else text
