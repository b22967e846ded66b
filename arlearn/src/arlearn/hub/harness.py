"""Models of text in EleutherAI's lm-evaluation-harness (PyPI ``lm-eval``), whose tasks measure language models.

``arlearn evaluate MODEL --harness TASK`` runs its tasks. All of its own command line, with this model registered as
``arlearn``, is ``python -m arlearn.hub.harness --model arlearn --model_args pretrained=MODEL --tasks TASK``.

A text is put to the model as in training: after end-of-text. Every token sees the last ``context`` tokens before it (the
harness's own adapters cut a long text into pieces, whose first tokens see less).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from lm_eval.api.model import TemplateLM
from lm_eval.api.registry import register_model
from tqdm import tqdm  # type: ignore[import-untyped]

from arlearn.decoding.generate import write_until
from arlearn.errors import ArlearnError
from arlearn.evaluation.perplexity import likelihoods, log_probability
from arlearn.evaluation.saved_model import SavedModel

MAX_TOKENS = 256  # written where a task names no limit; what the harness's own adapters write


@register_model("arlearn")
class ArlearnLM(TemplateLM):  # type: ignore[misc]
    """A model of text. ``pretrained`` is its directory; other arguments of the harness are accepted and unused."""

    def __init__(self, pretrained: str | Path, **_: Any) -> None:
        super().__init__()
        self.saved = SavedModel(Path(pretrained))
        if self.saved.vocabulary is None:
            assert self.saved.task is not None
            raise ArlearnError(
                f"{pretrained} is a model of {self.saved.task.kind}; the harness's tasks are for models of text"
            )
        self.vocabulary = self.saved.vocabulary

    @property
    def eot_token_id(self) -> int:
        return self.vocabulary.end_of_text

    @property
    def tokenizer_name(self) -> str:
        return self.vocabulary.sha256

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **_: Any) -> list[int]:
        return self.vocabulary.encode(string) if add_special_tokens is False else self.vocabulary.prompt(string)

    def _loglikelihood_tokens(
        self, requests: list[tuple[tuple[str, str], list[int], list[int]]], disable_tqdm: bool = False, **_: Any
    ) -> list[tuple[float, bool]]:
        answers: list[tuple[float, bool]] = [(0.0, False)] * len(requests)
        # a question's choices share its context, which is then read once
        order = sorted(range(len(requests)), key=lambda index: requests[index][1])
        bar = tqdm(total=len(requests), disable=disable_tqdm, desc="log-likelihoods")
        for context, group in groupby(order, key=lambda index: requests[index][1]):
            members = list(group)
            found = likelihoods(self.saved.predictor, context, [requests[index][2] for index in members])
            for index, likelihood in zip(members, found, strict=True):
                answers[index] = (likelihood.log_probability, likelihood.greedy)
                self.cache_hook.add_partial("loglikelihood", requests[index][0], answers[index])
                bar.update()
        bar.close()
        return answers

    def loglikelihood_rolling(self, requests: list[Any], disable_tqdm: bool = False) -> list[float]:
        answers = []
        for request in tqdm(requests, disable=disable_tqdm, desc="texts"):
            (text,) = request.args
            answers.append(log_probability(self.saved.predictor, self.vocabulary.prompt(text)))
            self.cache_hook.add_partial("loglikelihood_rolling", (text,), answers[-1])
        return answers

    def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
        answers = []
        for number, request in enumerate(tqdm(requests, disable=disable_tqdm, desc="continuations")):
            context, given = request.args
            stops = given.get("until") or []
            sampled = given.get("do_sample", float(given.get("temperature") or 0) > 0)
            text = write_until(
                self.saved.predictor,
                self.vocabulary.prompt(context),
                [stops] if isinstance(stops, str) else stops,
                self.vocabulary.end_of_text,
                self.vocabulary.decode,
                int(given.get("max_gen_toks", MAX_TOKENS)),
                temperature=float(given.get("temperature") or 1.0) if sampled else 0.0,
                top_k=given.get("top_k"),
                top_p=given.get("top_p"),
                seed=number,
            )
            answers.append(text)
            self.cache_hook.add_partial("generate_until", request.args, text)
        return answers


def run(
    model: Path, tasks: Sequence[str], include: Path | None = None, limit: int | None = None, shots: int | None = None
) -> tuple[dict[str, Any], str]:
    """What the harness measured: ``model``, ``harness`` (its version), ``results`` by task and metric, ``n-shot``,
    ``n-samples`` and ``versions`` of the tasks; and the same as the harness's table.

    ``include``: a folder of YAML tasks beside the harness's own. ``limit``: questions of each task.
    Raises ArlearnError if a task is unknown or its data cannot be had.
    """
    from importlib.metadata import version

    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager
    from lm_eval.utils import make_table

    adapter = ArlearnLM(model)
    if include is not None and not include.is_dir():
        raise ArlearnError(f"there is no folder of tasks {include}")
    # reading the harness's own thousands of tasks takes many seconds, so only where they are asked for
    manager = None if include is None else TaskManager(include_path=str(include), include_defaults=False)
    if manager is None or not all(manager.match_tasks([task]) for task in tasks):
        manager = TaskManager(include_path=None if include is None else str(include))
    unknown = [task for task in tasks if not manager.match_tasks([task])]
    if unknown:
        raise ArlearnError(
            f"the harness knows no task {', '.join(unknown)}; `lm_eval ls tasks` lists {len(manager.all_tasks):,}, and "
            "--harness-tasks DIR adds a folder of your own"
        )
    try:
        names = sorted(manager.match_tasks(list(tasks)))  # patterns, as arc_*
        found = simple_evaluate(adapter, tasks=names, task_manager=manager, limit=limit, num_fewshot=shots)
    except ArlearnError:
        raise
    except Exception as error:  # data over the network, YAML, templates: the harness has no family of errors
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ArlearnError(f"the harness could not run {', '.join(tasks)}: {type(error).__name__}: {first}") from error
    kept = {key: found[key] for key in ("results", "n-shot", "n-samples", "versions")}
    return {"model": str(model), "harness": version("lm-eval"), **kept}, make_table(found)


if __name__ == "__main__":
    from lm_eval.__main__ import cli_evaluate

    cli_evaluate()
