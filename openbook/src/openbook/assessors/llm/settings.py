"""How a language model is asked: every option in one object that refuses invalid combinations."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Final, Literal, get_args

from openbook.errors import OpenbookError

#: What the extra ``openbook[llm]`` installs.
LIBRARIES: Final = ("any_llm", "aiohttp", "openai", "genai_prices", "aiolimiter", "tenacity")

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
