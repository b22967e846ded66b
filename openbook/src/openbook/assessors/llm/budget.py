"""What a call costs, and a budget that is never exceeded."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from openbook.assessors.base import StopAssessing
from openbook.assessors.llm.settings import LlmSettings
from openbook.errors import OpenbookError

#: What a batch job costs of a direct price that was given by hand. The price list has batch prices of its own.
BATCH_SHARE: Final = 0.5
#: Providers that the price list calls by another name.
LISTED_AS: Final = {"gemini": "google", "vertexai": "google"}


class BudgetReached(StopAssessing):
    """The next call could exceed the budget, so it was not made."""


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per token of one model."""

    per_input: float
    per_output: float

    def of(self, input_tokens: int, output_tokens: int) -> float:
        """US dollars for a call of this size."""
        return input_tokens * self.per_input + output_tokens * self.per_output


def price_of(settings: LlmSettings, *, batch: bool = False) -> Price | None:
    """The model's price: as given, zero on this machine, else from the price list; None where none of them has it.

    ``batch`` asks for the price of a batch job. A price given by hand is halved. The list's batch price is used as it
    stands; where the list has none for a model, its direct price is used, which is too much rather than too little.
    """
    if settings.input_price is not None or settings.output_price is not None:
        share = BATCH_SHARE if batch else 1.0
        return Price(share * (settings.input_price or 0.0) / 1e6, share * (settings.output_price or 0.0) / 1e6)
    if settings.provider == "ollama" or (settings.base_url and _is_local(settings.base_url)):
        return Price(0.0, 0.0)
    if settings.base_url:
        return None
    from genai_prices import Usage, calc_price

    listed: dict[str, Any] = {
        "model_ref": settings.name,
        "provider_id": LISTED_AS.get(settings.provider, settings.provider),
    }
    if batch:
        listed["price_context"] = {"processing": "batch"}
    try:
        million = calc_price(Usage(input_tokens=1_000_000), **listed).total_price
        both = calc_price(Usage(input_tokens=1_000_000, output_tokens=1_000_000), **listed).total_price
    except LookupError:
        return None
    return Price(float(million) / 1e6, float(both - million) / 1e6)


def batch_price_source(settings: LlmSettings) -> str:
    """Where the price of a batch job is from, in words."""
    if settings.input_price is not None or settings.output_price is not None:
        return "half of the prices given"
    price, direct = price_of(settings, batch=True), price_of(settings)
    if price is None or direct is None:
        return "no list here has its price"
    if price.of(1, 1) == 0:
        return "a server on this machine"
    if price.of(1, 1) == direct.of(1, 1):
        return "genai-prices, the direct price: it lists no batch price for the model"
    return "genai-prices, batch price"


def _is_local(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class Budget:
    """Money reserved before each call and settled after it, so that the limit holds whatever is under way."""

    def __init__(self, limit: float | None, price: Price | None) -> None:
        if limit is not None and price is None:
            raise OpenbookError(
                "a budget needs the model's price, which no list here knows; give --input-price and --output-price "
                "(US dollars per million tokens)"
            )
        self.limit = limit
        self.price = price or Price(0.0, 0.0)
        self.spent = 0.0
        self._reserved = 0.0

    def reserve(self, input_tokens: int, output_tokens: int) -> float:
        """Reserve what a call of this size costs at most, in US dollars.

        Raises BudgetReached where that could exceed the limit.
        """
        most = self.price.of(input_tokens, output_tokens)
        if self.limit is not None and self.spent + self._reserved + most > self.limit:
            raise BudgetReached(
                f"the budget of ${self.limit:.4f} could be exceeded by the next call (spent ${self.spent:.4f}, "
                f"under way at most ${self._reserved:.4f}, the call at most ${most:.4f}); the answers so far are "
                "kept: run the same command with a larger --budget to go on"
            )
        self._reserved += most
        return most

    def settle(self, reserved: float, cost: float) -> None:
        """Replace what was reserved by what the call cost."""
        self._reserved -= reserved
        self.spent += cost
