"""Options that belong together: one dataclass each, whose fields are the options and which refuses wrong combinations.

``@with_options(answers=AnswerOptions)`` gives a command the fields of ``AnswerOptions`` as options of its own, and calls it
with the object that they make. Everything that is wrong with a command's objects is told at once.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

import typer

if TYPE_CHECKING:
    from openbook.assessors.llm.settings import LlmSettings

MISSING_RECORDS = "give the records: a Parquet file, or a folder that `openbook assess` wrote"
_MODEL: dict[str, Any] = {"rich_help_panel": "Asking a model (--assessor llm)"}
_HOW_ASKED = ("base_url", "per", "context_tokens", "max_output_tokens", "budget", "input_price", "output_price")
_HOW_OFTEN = ("votes", "temperature", "concurrency", "requests_per_minute", "tokens_per_minute", "timeout", "retries")


class OptionGroup:
    """Base of a group of options. ``problems`` says in full sentences what is wrong with their combination."""

    def problems(self) -> list[str]:
        return []

    def changed(self, *names: str) -> list[str]:
        """Those of the named options that have another value than their default, as one writes them."""
        hints = get_type_hints(type(self), include_extras=True)
        return [
            _written(field.name, getattr(self, field.name), hints[field.name])
            for field in fields(self)  # type: ignore[arg-type]
            if field.name in names and getattr(self, field.name) != field.default
        ]


def _written(name: str, value: object, hint: Any) -> str:
    option = next(extra for extra in hint.__metadata__ if isinstance(extra, typer.models.ParameterInfo))
    for given in (option.default, *(option.param_decls or ())):  # in an annotation, typer keeps the first as a default
        if isinstance(given, str) and given.startswith("--"):
            return given
    return f"--{'no-' if value is False else ''}{name.replace('_', '-')}"


def _listed(options: list[str]) -> str:
    """``--a, --b and --c go``."""
    return f"{', '.join(options[:-1])} and {options[-1]} go" if len(options) > 1 else f"{options[0]} goes"


@dataclass(frozen=True, slots=True)
class ModelOptions(OptionGroup):
    """Which model is asked, and at what cost."""

    model: Annotated[
        str | None,
        typer.Option(help="PROVIDER/NAME (openai, anthropic, gemini, ollama, …), or NAME with --base-url.", **_MODEL),
    ] = None
    base_url: Annotated[
        str | None,
        typer.Option(help="A server that speaks OpenAI's protocol, such as http://127.0.0.1:8080/v1.", **_MODEL),
    ] = None
    per: Annotated[
        Literal["paper", "variable"], typer.Option(help="Make one call per paper, or one per variable.", **_MODEL)
    ] = "paper"
    context_tokens: Annotated[int, typer.Option(help="The longest prompt and reply together, in tokens.", **_MODEL)] = (
        128_000
    )
    max_output_tokens: Annotated[int, typer.Option(help="The longest reply, in tokens.", **_MODEL)] = 3_000
    budget: Annotated[
        float | None, typer.Option(help="Stop before spending more than this many US dollars.", **_MODEL)
    ] = None
    input_price: Annotated[float | None, typer.Option(help="US dollars per million input tokens.", **_MODEL)] = None
    output_price: Annotated[float | None, typer.Option(help="US dollars per million output tokens.", **_MODEL)] = None

    def problems(self) -> list[str]:
        if self.model is None and (idle := self.changed(*_HOW_ASKED)):
            return [f"{_listed(idle)} with --model: without it no model is asked"]
        return []

    def settings(self) -> LlmSettings | None:
        """How the model is asked; None without a model. Raises OpenbookError for values out of range."""
        if self.model is None:
            return None
        from openbook.assessors.llm.settings import LlmSettings, require_extra

        own = {field.name for field in fields(LlmSettings)}
        settings = LlmSettings(**{field.name: getattr(self, field.name) for field in fields(self) if field.name in own})
        require_extra()
        return settings


@dataclass(frozen=True, slots=True)
class AnswerOptions(ModelOptions):
    """Who answers, where the work is done and where the answers are kept."""

    assessor: Annotated[
        Literal["linear", "llm"], typer.Option(help="Who answers: linear (offline) or llm (asks a model).")
    ] = "linear"
    ledger: Annotated[
        str | None,
        typer.Option(help="Also keep records and replies in this database: sqlite:///FILE or postgresql://…"),
    ] = None
    engine: Annotated[
        Literal["local", "ray"],
        typer.Option(help="Work on this machine (local), or on Ray's cluster at RAY_ADDRESS (ray)."),
    ] = "local"
    votes: Annotated[int, typer.Option(help="Ask each question this many times; the majority decides.", **_MODEL)] = 1
    temperature: Annotated[float, typer.Option(help="The temperature of the model's sampling.", **_MODEL)] = 0.0
    concurrency: Annotated[int, typer.Option(help="Ask this many questions at once.", **_MODEL)] = 8
    requests_per_minute: Annotated[int | None, typer.Option(help="The provider's limit on requests.", **_MODEL)] = None
    tokens_per_minute: Annotated[int | None, typer.Option(help="The provider's limit on tokens.", **_MODEL)] = None
    timeout: Annotated[float, typer.Option(help="Wait this many seconds for one reply.", **_MODEL)] = 120.0
    retries: Annotated[
        int, typer.Option(help="Try again up to this many times after a temporary failure.", **_MODEL)
    ] = 5
    batch: Annotated[
        bool,
        typer.Option(
            "--batch",
            help="Ask through the provider's batch interface (OpenAI's protocol): half the price, answers in hours. "
            "Needs --ledger. Give the same command again to continue.",
            **_MODEL,
        ),
    ] = False
    poll: Annotated[
        float | None,
        typer.Option(
            help="Wait this many seconds between two checks of a batch. By default 5 at first, growing to 300.",
            **_MODEL,
        ),
    ] = None
    wait: Annotated[
        bool,
        typer.Option(help="Wait for a batch, or submit it and exit; the same command collects it later.", **_MODEL),
    ] = True
    drop_batch: Annotated[
        str | None,
        typer.Option(help="First drop this batch, and ask its questions again.", **_MODEL),
    ] = None
    dry: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be asked and what it costs; ask nothing.", **_MODEL)
    ] = False

    def problems(self) -> list[str]:
        found = []
        if self.assessor == "llm" and self.model is None:
            found.append("--assessor llm asks a model: name it with --model")
        if self.assessor != "llm" and (idle := self.changed("model", *_HOW_ASKED, *_HOW_OFTEN, "batch", "dry")):
            found.append(f"{_listed(idle)} with --assessor llm: {self.assessor} asks no model")
        if not self.batch and self.changed("poll", "wait", "drop_batch"):
            found.append("--poll, --no-wait and --drop-batch go with --batch")
        if self.batch and self.engine != "local":
            found.append("--batch leaves the work to the provider; it goes with --engine local")
        if self.batch and self.ledger is None and not self.dry:
            found.append("--batch keeps what is under way in a ledger: name one with --ledger")
        if self.poll is not None and self.poll <= 0:
            found.append("--poll must be more than 0")
        return found


@dataclass(frozen=True, slots=True)
class RecordsOptions(OptionGroup):
    """The records that a command is about, as its argument or with ``--records``."""

    argument: Annotated[
        Path | None,
        typer.Argument(
            metavar="RECORDS", help="Records: Parquet, or a folder that `openbook assess` wrote.", show_default=False
        ),
    ] = None
    option: Annotated[
        Path | None, typer.Option("--records", metavar="RECORDS", help="The records, instead of the argument.")
    ] = None

    def problems(self) -> list[str]:
        if self.argument is not None and self.option is not None:
            return ["give the records once, as the argument or with --records"]
        return [] if self.path is not None else [MISSING_RECORDS]

    @property
    def path(self) -> Path | None:
        return self.argument or self.option

    @property
    def required(self) -> Path:
        """Where the records are; for commands that cannot do without."""
        assert self.path is not None
        return self.path


@dataclass(frozen=True, slots=True)
class OptionalRecordsOptions(RecordsOptions):
    """Records that a command can do without; CSV too."""

    def problems(self) -> list[str]:
        return [problem for problem in RecordsOptions.problems(self) if problem != MISSING_RECORDS]


def with_options(**groups: type[OptionGroup]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Replace the named parameters of a command by the fields of these groups."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        parameters: list[inspect.Parameter] = []
        for parameter in inspect.signature(command, eval_str=True).parameters.values():
            if parameter.name not in groups:
                parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))
                continue
            group = groups[parameter.name]
            hints = get_type_hints(group, include_extras=True)
            parameters += [
                inspect.Parameter(
                    field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
                )
                for field in fields(group)  # type: ignore[arg-type]
            ]

        @wraps(command)
        def run(**given: Any) -> None:
            made = {
                name: group(**{field.name: given.pop(field.name) for field in fields(group)})  # type: ignore[arg-type]
                for name, group in groups.items()
            }
            problems = [problem for group in made.values() for problem in group.problems()]
            if problems:
                raise typer.BadParameter("; ".join(problems))
            command(**given, **made)

        del run.__wrapped__  # typer would look through it at the command's own parameters
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return run

    return decorate
