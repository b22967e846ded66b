"""What can be set about asking a model. What changes an answer goes into the run, and so into the cache key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from openbook.errors import OpenbookError


@dataclass(frozen=True, slots=True)
class LlmSettings:
    """How a language model is asked.

    Attributes:
        model: ``PROVIDER/NAME`` (``openai/…``, ``anthropic/…``, ``gemini/…``, ``ollama/…``), or any name with
            ``base_url``, for a server that speaks OpenAI's protocol.
        base_url: address of such a server, ending in ``/v1``.
        per: one call for all nine variables of a ``paper``, or one for each ``variable``.
        votes: how often each question is asked; the majority answers, and agreement gives the confidence.
        temperature: of the sampling; None leaves it to the provider.
        context_tokens: how long prompt and reply may be together; longer papers are fitted by choosing sections.
        max_output_tokens: the longest reply that is asked for.
        concurrency: questions under way at once.
        requests_per_minute, tokens_per_minute: the provider's limits; None for none.
        timeout: seconds for one reply. retries: further attempts after a failure that may pass.
        budget: US dollars that this command may spend; None for no limit.
        input_price, output_price: US dollars per million tokens, for models whose price is not known.
    """

    model: str
    base_url: str | None = None
    per: Literal["paper", "variable"] = "paper"
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
        """Whatever can change an answer, JSON-ready. Where and how fast a model is asked cannot."""
        names = ("per", "votes", "temperature", "context_tokens", "max_output_tokens")
        return {name: getattr(self, name) for name in names}
