"""``openbook assess``: papers into records."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from openbook.cli import app

if TYPE_CHECKING:
    from openbook.assess.batch import BatchOutcome
    from openbook.assessors.llm.assessor import LlmAssessor
    from openbook.assessors.llm.settings import LlmSettings
    from openbook.ledger import Ledger
    from openbook.record.model import PaperInfo

_LLM: dict[str, Any] = {"rich_help_panel": "Asking a model (--assessor llm)"}


@app.command()
def assess(
    papers: Annotated[
        list[str] | None,
        typer.Argument(help="Files (PDF, TEI, LaTeX, HTML, Markdown, text), folders of them, arXiv ids or addresses."),
    ] = None,
    out: Annotated[Path, typer.Option(help="The folder for the records, DIR/STEM.json, and records.parquet.")] = Path(
        "records"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
    list_: Annotated[
        Path | None,
        typer.Option("--list", help="A CSV list with Conference, Year, Filename, Title, Authors, Category, PDF_URL."),
    ] = None,
    papers_folder: Annotated[
        Path | None,
        typer.Option("--papers", help="Where the files of the list are, or are downloaded to; default: beside it."),
    ] = None,
    assessor: Annotated[str, typer.Option(help="Who answers: linear (offline) or llm (asks a model).")] = "linear",
    ledger: Annotated[
        str | None,
        typer.Option(help="Also keep records and replies in this database: sqlite:///FILE or postgresql://…"),
    ] = None,
    engine: Annotated[
        str, typer.Option(help="Where the work is done: local, or ray (RAY_ADDRESS's cluster).")
    ] = "local",
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Papers read at the same time.")] = 2,
    force: Annotated[bool, typer.Option("--force", help="Assess again what has a record already.")] = False,
    seconds: Annotated[float, typer.Option(min=0.1, help="Time to read one paper, at most.")] = 60.0,
    megabytes: Annotated[int, typer.Option(min=256, help="Memory to read one paper, at most.")] = 1536,
    pause: Annotated[float, typer.Option(min=0.0, help="Seconds between two downloads from one host.")] = 3.0,
    download: Annotated[bool, typer.Option(help="Download the papers of a list that are missing.")] = True,
    model: Annotated[
        str | None,
        typer.Option(help="PROVIDER/NAME (openai, anthropic, gemini, ollama, …), or NAME with --base-url.", **_LLM),
    ] = None,
    base_url: Annotated[
        str | None,
        typer.Option(help="A server that speaks OpenAI's protocol, such as http://127.0.0.1:8080/v1.", **_LLM),
    ] = None,
    per: Annotated[str, typer.Option(help="One call per paper, or one per variable.", **_LLM)] = "paper",
    votes: Annotated[int, typer.Option(help="How often each question is asked; the majority answers.", **_LLM)] = 1,
    temperature: Annotated[float, typer.Option(help="Of the model's sampling.", **_LLM)] = 0.0,
    context_tokens: Annotated[int, typer.Option(help="Prompt and reply together, at most.", **_LLM)] = 128_000,
    max_output_tokens: Annotated[int, typer.Option(help="The longest reply.", **_LLM)] = 3_000,
    concurrency: Annotated[int, typer.Option(help="Questions under way at once.", **_LLM)] = 8,
    requests_per_minute: Annotated[int | None, typer.Option(help="The provider's limit.", **_LLM)] = None,
    tokens_per_minute: Annotated[int | None, typer.Option(help="The provider's limit.", **_LLM)] = None,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for one reply.", **_LLM)] = 120.0,
    retries: Annotated[int, typer.Option(help="Attempts after a failure that may pass.", **_LLM)] = 5,
    budget: Annotated[float | None, typer.Option(help="US dollars; stops before it is passed.", **_LLM)] = None,
    input_price: Annotated[float | None, typer.Option(help="US dollars per million tokens.", **_LLM)] = None,
    output_price: Annotated[float | None, typer.Option(help="US dollars per million tokens.", **_LLM)] = None,
    batch: Annotated[
        bool,
        typer.Option(
            "--batch",
            help="Ask through the provider's batch interface (OpenAI's protocol): half the price, answers in hours. "
            "Needs --ledger; the same command again goes on.",
            **_LLM,
        ),
    ] = False,
    poll: Annotated[
        float | None,
        typer.Option(help="Seconds between looks at a batch; default: 5 at first, growing to 300.", **_LLM),
    ] = None,
    wait: Annotated[
        bool, typer.Option(help="Wait for a batch, or submit and leave; the same command collects.", **_LLM)
    ] = True,
    drop_batch: Annotated[
        str | None,
        typer.Option(help="First give up this batch, unanswered; its questions are asked anew.", **_LLM),
    ] = None,
    dry: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be asked and its cost; ask nothing.", **_LLM)
    ] = False,
) -> None:
    """Read papers, answer nine variables about each, and prove every *yes* with a sentence that is in the paper.

    Writes one record per paper, whole or not at all; run it again after an interruption and only what is missing is
    done. Exit code 0 when all papers were read, 3 when some were not (they are listed), 2 for wrong usage.

        openbook assess paper.pdf --out records && openbook show records/paper.json
        openbook assess papers/ --assessor llm --model openai/gpt-4o-mini --ledger sqlite:///l.db --dry-run
        openbook assess papers/ --assessor llm --model openai/gpt-4o-mini --ledger sqlite:///l.db --batch
    """
    if not papers and list_ is None:
        raise typer.BadParameter("give papers, or a list of them with --list")
    if papers_folder is not None and list_ is None:
        raise typer.BadParameter("--papers says where the files of a --list are; give the list too")
    if engine not in ("local", "ray"):
        raise typer.BadParameter(f"{engine!r} is not an engine; choose local or ray", param_hint="--engine")
    if assessor not in ("linear", "llm"):
        raise typer.BadParameter(f"{assessor!r} is not an assessor; choose linear or llm", param_hint="--assessor")
    if assessor == "llm" and model is None:
        raise typer.BadParameter("--assessor llm asks a model: name it with --model")
    if assessor != "llm" and (model is not None or dry or budget is not None):
        raise typer.BadParameter("--model, --budget and --dry-run go with --assessor llm")
    if batch and assessor != "llm":
        raise typer.BadParameter("--batch asks a model; it goes with --assessor llm")
    if not batch and (poll is not None or not wait or drop_batch is not None):
        raise typer.BadParameter("--poll, --no-wait and --drop-batch go with --batch")
    if batch and engine != "local":
        raise typer.BadParameter("--batch leaves the work to the provider; it goes with --engine local")
    if batch and ledger is None and not dry:
        raise typer.BadParameter("--batch keeps what is under way in a ledger: name one with --ledger")
    if poll is not None and poll <= 0:
        raise typer.BadParameter("must be more than 0", param_hint="--poll")
    from openbook.assess.batch import BatchSettings, as_it_is, assess_batch
    from openbook.assess.papers_list import Locator, name_sources, papers_in, read_list
    from openbook.cli._asking import MakeAssessor, dry_run, tell_account

    llm: LlmSettings | None = None
    if assessor == "llm":
        from openbook.assessors.llm.settings import LlmSettings, require_extra

        if per not in ("paper", "variable"):
            raise typer.BadParameter(f"{per!r} is neither paper nor variable", param_hint="--per")
        llm = LlmSettings(
            model=str(model), base_url=base_url, per=cast(Literal["paper", "variable"], per), votes=votes,
            temperature=temperature, context_tokens=context_tokens, max_output_tokens=max_output_tokens,
            concurrency=concurrency, requests_per_minute=requests_per_minute, tokens_per_minute=tokens_per_minute,
            timeout=timeout, retries=retries, budget=budget, input_price=input_price, output_price=output_price,
        )  # fmt: skip
        require_extra()
    if engine == "ray":
        from openbook.assess.ray import assess_on_ray, require_ray

        require_ray()
    sources = [
        source for given in papers or [] for source in (papers_in(Path(given)) if Path(given).is_dir() else [given])
    ]
    known: dict[str, PaperInfo] = {}
    if list_ is not None:
        listed, known = read_list(list_, papers_folder)
        sources += listed
    if not sources:
        raise typer.BadParameter(f"no papers in {', '.join(papers or [str(list_)])}")
    named = name_sources(sources, out, known)
    locate = Locator(download=download, pause=pause)
    make = MakeAssessor(assessor, llm, ledger)
    limits = BatchSettings(jobs=jobs, force=force, seconds=seconds, megabytes=megabytes)
    account: dict[str, object] | None = None
    with ExitStack() as stack:
        kept_in = None
        if ledger is not None and not dry:
            from openbook.ledger import Ledger

            kept_in = stack.enter_context(Ledger.open(ledger))
        if dry:
            asked = MakeAssessor(assessor, llm, None)(batch=batch)
            dry_run(cast("LlmAssessor", asked), named, locate, as_json=as_json, batch=batch)
            return
        keep = kept_in.keep if kept_in else as_it_is
        progress = stack.enter_context(_Progress(len(named)))
        if batch:
            from openbook.cli._batching import Batching

            batching = Batching(cast("LlmSettings", llm), cast("Ledger", kept_in), poll=poll, wait=wait)
            stack.callback(batching.close)
            if drop_batch is not None:
                batching.drop(drop_batch)
            outcome = batching.run(named, out, limits, locate=locate, watch=progress.update, keep=keep)
            account = batching.report()
        elif engine == "ray":
            outcome = assess_on_ray(named, make, out, limits, locate=locate, watch=progress.update, keep=keep)
        else:
            asked = make()
            outcome = assess_batch(named, asked, out, limits, locate=locate, watch=progress.update, keep=keep)
            if llm is not None:
                tell_account(cast("LlmAssessor", asked))
    if as_json:
        more = {} if account is None else {"waiting": len(outcome.waiting), "batch": account}
        print(json.dumps(_report(outcome) | more, ensure_ascii=False))
    else:
        _show(outcome, out)
    for failure in outcome.failures:
        print(f"openbook: {failure.source} was not assessed: {failure.reason}", file=sys.stderr)
    if outcome.stopped and batch:
        print(f"openbook: {outcome.stopped}", file=sys.stderr)
    if outcome.failures or outcome.stopped:
        raise typer.Exit(3)


def _report(outcome: BatchOutcome) -> dict[str, object]:
    return {
        "papers": outcome.papers,
        "failed": len(outcome.failures),
        "seconds": outcome.seconds,
        "assessed": outcome.assessed,
        "kept": outcome.kept,
        "failures": [{"source": failure.source, "reason": failure.reason} for failure in outcome.failures],
        "records": [str(path) for path in outcome.records],
        "input_tokens": outcome.input_tokens,
        "output_tokens": outcome.output_tokens,
        "cost": outcome.cost,
        "stopped": outcome.stopped,
    }


def _show(outcome: BatchOutcome, out: Path) -> None:
    kept = f", {outcome.kept} kept from before" if outcome.kept else ""
    failed = f", {len(outcome.failures)} not assessed" if outcome.failures else ""
    failed += f", {len(outcome.waiting)} waiting" if outcome.waiting else ""
    print(f"{outcome.papers} papers: {outcome.assessed} assessed{kept}{failed}, in {outcome.seconds:.1f} s -> {out}")
    if outcome.records:
        print(f"See one with: openbook show {outcome.records[-1]}")


class _Progress:
    """A progress bar on standard error, where that is a terminal."""

    def __init__(self, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            disable=not sys.stderr.isatty(),
        )
        self._task = self._bar.add_task("reading", total=total)

    def __enter__(self) -> _Progress:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def update(self, outcome: BatchOutcome, source: str) -> None:
        """One more paper is done."""
        cost = f" · ${outcome.cost:.2f}" if outcome.cost else ""
        self._bar.update(self._task, advance=1, description=f"{Path(source).name[:40]}{cost}")
