"""How a language model is asked, what a call costs, and a budget that is never exceeded."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from ipaddress import ip_address
from typing import Any, Final, Literal, get_args
from urllib.parse import urlsplit

from openbook.assessors.base import StopAssessing
from openbook.errors import OpenbookError

#: What the extra ``openbook[llm]`` installs.
LIBRARIES: Final = ("any_llm", "anyio", "aiohttp", "openai", "genai_prices", "aiolimiter", "tenacity")
#: What a batch job costs of a direct price that was given by hand. The price list has batch prices of its own.
BATCH_SHARE: Final = 0.5
#: Providers that the price list calls by another name.
LISTED_AS: Final = {"gemini": "google", "vertexai": "google"}

Per = Literal["paper", "variable"]


@dataclass(frozen=True, slots=True)
class LlmSettings:
    """How a language model is asked. Raises OpenbookError, naming everything that is invalid at once.

    What can change an answer goes into the record's run and into the key of each cached reply.

    Attributes:
        model: ``PROVIDER/NAME`` (``openai/…``, ``anthropic/…``, ``gemini/…``, ``ollama/…``), or any name with
            ``base_url``, for a server that speaks OpenAI's protocol.
        base_url: the address of such a server, ending in ``/v1``.
        per: one call for all nine variables of a ``paper``, or one for each ``variable``.
        votes: how often each question is asked; the majority answers, and agreement gives the confidence.
        temperature: of the sampling; None leaves it to the provider.
        context_tokens: how long prompt and reply may be together; longer papers are cut down to chosen sections.
        max_output_tokens: the longest reply that is asked for.
        concurrency: how many questions are under way at once.
        requests_per_minute, tokens_per_minute: the provider's limits; None for none.
        timeout: seconds to wait for one reply.
        retries: further attempts after a failure that may pass.
        budget: US dollars that this command may spend; None for no limit.
        input_price, output_price: US dollars per million tokens, for models whose price is not known.
    """

    model: str
    base_url: str | None = None
    per: Per = "paper"
    votes: int = 1
    temperature: float | None = 0.0
    context_tokens: int = 128_000
    max_output_tokens: int = 3_000
    concurrency: int = 8
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    timeout: float = 120.0
    retries: int = 5
    budget: float | None = None
    input_price: float | None = None
    output_price: float | None = None

    def __post_init__(self) -> None:
        wrong = []
        if not self.base_url and "/" not in self.model:
            wrong.append(f"model {self.model!r} names no provider: write PROVIDER/NAME, or give --base-url")
        if self.base_url and not self.base_url.startswith(("http://", "https://")):
            wrong.append(f"base URL {self.base_url!r} must begin with http:// or https://")
        if self.per not in get_args(Per):
            wrong.append(f"per {self.per!r} is neither paper nor variable")
        for name in ("votes", "context_tokens", "max_output_tokens", "concurrency"):
            if getattr(self, name) < 1:
                wrong.append(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("requests_per_minute", "tokens_per_minute", "timeout"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                wrong.append(f"{name} must be more than 0, not {value}")
        for name in ("retries", "budget", "input_price", "output_price", "temperature"):
            value = getattr(self, name)
            if value is not None and value < 0:
                wrong.append(f"{name} must not be negative, but is {value}")
        if self.max_output_tokens * 2 > self.context_tokens:
            wrong.append(
                f"a reply of {self.max_output_tokens} tokens leaves too little of a context of {self.context_tokens}; "
                "lower --max-output-tokens or raise --context-tokens"
            )
        if self.votes > 1 and self.temperature == 0:
            wrong.append("several votes at temperature 0 would be one vote repeated; set --temperature above 0")
        if wrong:
            raise OpenbookError("; ".join(wrong))

    @property
    def provider(self) -> str:
        """The provider's name, as the client library knows it."""
        return "openai" if self.base_url else self.model.split("/", 1)[0]

    @property
    def name(self) -> str:
        """The model's name at its provider."""
        return self.model if self.base_url else self.model.split("/", 1)[1]

    def parameters(self) -> dict[str, Any]:
        """The settings that can change an answer, as JSON values. Where and how fast a model is asked cannot."""
        names = ("per", "votes", "temperature", "context_tokens", "max_output_tokens")
        return {name: getattr(self, name) for name in names}


def require_extra() -> None:
    """Raise OpenbookError, naming the extra, where libraries for asking a model are missing.

    All are looked for at once: some are common, so one that is there says nothing about the others, and a run that has
    begun should not find out.
    """
    missing = [name for name in LIBRARIES if find_spec(name) is None]
    if missing:
        raise OpenbookError(
            f"asking a model needs the extra: pip install 'openbook[llm]' (missing: {', '.join(missing)})"
        )


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
    """The model's price: as given, zero on this machine, else from the price list; None if none of them has it.

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
                "a budget needs the model's price, which is not in the price list; give --input-price and --output-price "
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
