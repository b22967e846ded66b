"""Recipes: how one model is made, as a TOML file and as a dataclass.

A recipe has a ``description`` and the sections ``[task]``, ``[predictor]`` and ``[training]`` (``settings``). Whatever
is wrong with one is reported at once.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import tomli_w
from pydantic import TypeAdapter, ValidationError

import arlearn
from arlearn.errors import ArlearnError
from arlearn.files import read_text
from arlearn.tasks import load_task
from arlearn.tasks.text_files import TextFile
from arlearn.tokens.bytepair import BytePair
from arlearn.training.settings import PredictorSettings, TextSettings, TrainingSettings, check_trackers

SECTIONS = ("task", "predictor", "training")
# what [predictor] may say beside the fields of PredictorSettings; kind = "task" is checked by the task
OPTIONS = {"linear": (), "mlp": (), "transformer": ("layers", "heads"), "ngram": ("order",)}
# and which of the fields mean nothing for a kind
UNUSED = {"transformer": ("map",), "ngram": ("map", "width", "bias")}
Section = TypeVar("Section")


class RecipeError(ArlearnError):
    """Everything wrong with a recipe, in one line.

    Attributes:
        faults: each by itself.
    """

    def __init__(self, name: str, faults: list[str]) -> None:
        self.faults = list(dict.fromkeys(faults))
        super().__init__(f"recipe {name}: " + "; ".join(self.faults))


@dataclass(frozen=True)
class Recipe:
    """One way to make a model.

    Attributes:
        task: the ``[task]`` section: its kind and, for text, the fields of ``TextSettings``; for other tasks whatever
            their ``from_configuration`` takes, which checks it.
    """

    name: str
    description: str
    task: dict[str, Any]
    predictor: PredictorSettings
    training: TrainingSettings

    @classmethod
    def from_mapping(cls, content: Mapping[str, Any], name: str) -> Recipe:
        """The recipe that these tables describe. Raises RecipeError that lists everything wrong with them."""
        wrong: set[str] = set()  # keys with invalid values, which then contradict nothing
        problems = [f"unknown section or key {key!r}" for key in content if key not in (*SECTIONS, "description")]
        tables: dict[str, dict[str, Any]] = {}
        for section in SECTIONS:
            table = content.get(section, {})
            if not isinstance(table, Mapping):
                problems.append(f"{section} must be a section [{section}]")
                table = {}
            tables[section] = dict(table)
        task = tables["task"]
        if not isinstance(task.get("kind"), str):
            problems.append('[task] must say its kind, such as kind = "text"')
        elif task["kind"] == "text":
            task = asdict(_read(TextSettings, "task", task, problems, wrong))
        predictor = _read(PredictorSettings, "predictor", _with_options(tables["predictor"]), problems, wrong)
        training = _read(TrainingSettings, "training", tables["training"], problems, wrong)
        problems += [said for keys, said in contradictions(task, predictor, training) if not wrong & set(keys.split())]
        if problems:
            raise RecipeError(name, problems)
        return cls(name, str(content.get("description", "")), task, predictor, training)

    @classmethod
    def from_toml(cls, text: str, name: str) -> Recipe:
        """Raises ArlearnError if the text is no TOML or no recipe."""
        try:
            content = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ArlearnError(f"recipe {name} is not valid TOML: {error}") from error
        return cls.from_mapping(content, name)

    def to_mapping(self) -> dict[str, Any]:
        """Tables from which ``from_mapping`` makes an equal recipe; keys without a value are left out."""
        predictor = asdict(self.predictor)
        predictor |= predictor.pop("options")
        for key in UNUSED.get(self.predictor.kind, ()):
            del predictor[key]
        tables = {"task": self.task, "predictor": predictor, "training": asdict(self.training)}
        told = {
            section: {key: list(value) if isinstance(value, tuple) else value for key, value in table.items()}
            for section, table in tables.items()
        }
        return {"description": self.description} | {
            section: {key: value for key, value in table.items() if value is not None}
            for section, table in told.items()
        }

    def to_toml(self) -> str:
        return tomli_w.dumps(self.to_mapping())

    def with_changes(self, changes: Iterable[str]) -> Recipe:
        """This recipe with ``key=value`` or ``section.key=value`` changes, values written as in TOML.

        ``key=none`` takes a limit away. Raises RecipeError that lists everything wrong with the changes.
        """
        content = self.to_mapping()
        problems: list[str] = []
        for change in changes:
            key, equals, value = change.partition("=")
            try:
                if not equals:
                    raise ArlearnError(f"--set {change}: write key=value")
                section, name = _locate(key.strip(), content)
                if value.strip() == "none":
                    content[section].pop(name, None)
                else:
                    content[section][name] = _value(value.strip())
            except ArlearnError as error:
                problems.append(str(error))
        try:
            changed = Recipe.from_mapping(content, self.name)
        except RecipeError as error:
            raise RecipeError(self.name, problems + error.faults) from error
        if problems:
            raise RecipeError(self.name, problems)
        return changed

    def with_inputs(self, data: str | Path | None, tokenizer: str | None) -> Recipe:
        """This recipe with another text or vocabulary; tokenizer "train" means one learned from the text.

        Raises ArlearnError if the task is not text.
        """
        if data is None and tokenizer is None:
            return self
        if self.task["kind"] != "text":
            raise ArlearnError(f"recipe {self.name} learns {self.task['kind']}: --data and --tokenizer are for text")
        given = {} if data is None else {"data": str(data)}
        if tokenizer is not None:
            given["tokenizer"] = "" if tokenizer == "train" else tokenizer
        return replace(self, task=self.task | given)


def contradictions(
    task: Mapping[str, Any], predictor: PredictorSettings, training: TrainingSettings
) -> Iterator[tuple[str, str]]:
    """What each section allows by itself but not together: the keys that take part, and what is wrong."""
    text = task.get("kind") == "text"
    if training.steps is None and training.epochs is None and training.max_minutes is None:
        yield "steps epochs max_minutes", "[training] has no end: give steps, epochs or max_minutes"
    if not training.checkpoint_steps and not training.checkpoint_minutes:
        keys = "checkpoint_steps checkpoint_minutes"
        yield keys, "[training] never writes a checkpoint: give checkpoint_steps or checkpoint_minutes"
    if any(not 0 <= beta < 1 for beta in training.betas):
        yield "betas", f"[training] betas must lie in [0, 1), not {list(training.betas)}"
    if training.final and training.schedule == "constant":
        yield "final schedule", "[training] final has no meaning with a constant schedule"
    if training.decay_until is not None and not training.weight_decay:
        yield "decay_until weight_decay", "[training] decay_until has no meaning without weight_decay"
    if text and predictor.kind == "task":
        yield "kind", '[predictor] kind = "task": a text supplies no predictor of its own'
    if text and training.evaluate_every and not training.evaluate_data:
        yield "evaluate_every evaluate_data", "[training] evaluate_every needs evaluate_data for a text"
    if not text and training.evaluate_data:
        yield "evaluate_data", "[training] evaluate_data is for text only"
    for name, value in sorted(predictor.options.items()) if predictor.kind in OPTIONS else ():
        if name not in OPTIONS[predictor.kind]:
            yield "kind", f"[predictor] of kind {predictor.kind} has no {name}"
        elif type(value) is not int or value < 1:
            yield name, f"[predictor] {name} = {value!r}: must be a whole number, 1 or more"
    if predictor.kind == "ngram":
        if not text:
            yield "kind", '[predictor] kind = "ngram" counts the n-grams of a text, and the task is none'
        if training.epochs != 1 or training.steps is not None or training.max_minutes is not None:
            keys = "epochs steps max_minutes"
            yield keys, '[predictor] kind = "ngram" reads the text once: [training] has epochs = 1 and no other end'
        if training.evaluate_every:
            yield "evaluate_every", '[predictor] kind = "ngram" has no updates to measure between: set evaluate_every=0'


def input_faults(recipe: Recipe) -> list[str]:
    """What the recipe names and this machine does not have: texts, a vocabulary, trackers; or a task's own faults."""
    task, training, predictor, found = recipe.task, recipe.training, recipe.predictor, []
    checks: list[Callable[[], object]] = [lambda: check_trackers(training)]
    if task["kind"] == "text":
        if task["data"]:
            checks.append(lambda: TextFile.at(task["data"]))
        if task["tokenizer"]:
            checks.append(lambda: BytePair.load(task["tokenizer"]))
        if training.evaluate_data:
            checks.append(lambda: TextFile.at(training.evaluate_data))
    else:
        checks.append(lambda: load_task(task["kind"], {key: value for key, value in task.items() if key != "kind"}))
    for check in checks:
        try:
            check()
        except ArlearnError as error:
            found.append(str(error))
    heads = predictor.options.get("heads", 4)
    if predictor.kind == "transformer" and predictor.width % (2 * heads):
        found.append(f"[predictor] width = {predictor.width} must be an even number for each of {heads} heads")
    return found


def recipe_for_training(
    name: str | Path,
    changes: Iterable[str] = (),
    data: str | Path | None = None,
    tokenizer: str | None = None,
) -> Recipe:
    """The recipe with these changes and inputs. Raises RecipeError that lists everything wrong with them all at once."""
    recipe, faults = load_recipe(name), []
    # each step is taken as far as it goes, so that one fault does not hide another of a different kind
    for change in changes:
        try:
            recipe = recipe.with_changes([change])
        except RecipeError as error:
            faults += error.faults
    if faults:  # changes that are right together only
        faults = []
        try:
            recipe = load_recipe(name).with_changes(changes)
        except RecipeError as error:
            faults += error.faults
    try:
        recipe = recipe.with_inputs(data, tokenizer)
    except ArlearnError as error:
        faults.append(str(error))
    faults += input_faults(recipe)
    if faults:
        raise RecipeError(recipe.name, faults)
    return recipe


def recipe_directories() -> list[Path]:
    """Where recipes are found by name: inside an installed package, beside a source tree."""
    package = Path(arlearn.__file__).parent
    return [place for place in (package / "recipes", package.parents[1] / "recipes") if place.is_dir()]


def recipe_names() -> list[str]:
    return sorted({path.stem for place in recipe_directories() for path in place.glob("*.toml")})


def load_recipe(name: str | Path) -> Recipe:
    """The recipe of this name, or in this file. Raises ArlearnError if there is none, or it is invalid."""
    path = Path(name)
    if path.suffix != ".toml" and not path.is_file():
        found = [place / f"{name}.toml" for place in recipe_directories() if (place / f"{name}.toml").is_file()]
        if not found:
            near = difflib.get_close_matches(str(name), recipe_names(), 1)
            hint = (
                f"; did you mean {near[0]}?"
                if near
                else f"; the recipes are {', '.join(recipe_names())}; or give a TOML file"
            )
            raise ArlearnError(f"there is no recipe {name}{hint}")
        path = found[0]
    return Recipe.from_toml(read_text(path, "a recipe"), path.stem)


def field_help(settings: type[Any]) -> list[tuple[str, str, str]]:
    """Name, default as TOML would write it, and description of every field of a section."""
    schema = TypeAdapter(settings).json_schema()["properties"]
    rows = []
    for name in (f.name for f in fields(settings)):
        default = schema[name].get("default")
        rows.append((name, "" if default is None else _written(default), schema[name].get("description", "")))
    return rows


def _written(value: Any) -> str:
    return tomli_w.dumps({"x": value}).split("=", 1)[1].strip().replace("\n", "") if value != {} else ""


def _with_options(table: dict[str, Any]) -> dict[str, Any]:
    known = {f.name for f in fields(PredictorSettings)} - {"options"}
    options = {key: value for key, value in table.items() if key not in known}
    return {key: value for key, value in table.items() if key in known} | {"options": options}


def _read(
    settings: type[Section], section: str, table: dict[str, Any], problems: list[str], wrong: set[str]
) -> Section:
    """The section's settings. What is invalid is told in ``problems``, its keys added to ``wrong``, and left out."""
    try:
        return TypeAdapter(settings).validate_python(table)
    except ValidationError as error:
        bad = set()
        for one in error.errors():
            key = ".".join(str(part) for part in one["loc"])
            bad.add(str(one["loc"][0]))
            if one["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
                near = difflib.get_close_matches(key, [f.name for f in fields(settings)], 1)  # type: ignore[arg-type]
                problems.append(f"[{section}] has no {key}" + (f" (did you mean {near[0]}?)" if near else ""))
            else:
                problems.append(f"[{section}] {key} = {one['input']!r}: {one['msg'][:1].lower()}{one['msg'][1:]}")
        wrong |= bad
        return _read(settings, section, {key: value for key, value in table.items() if key not in bad}, [], wrong)


def _locate(key: str, content: Mapping[str, Any]) -> tuple[str, str]:
    """Section and name of a key. Raises ArlearnError if no section has it, or several do."""
    section, dot, name = key.partition(".")
    if dot:
        if section not in SECTIONS:
            raise ArlearnError(f"--set {key}: there is no section {section}; there are {', '.join(SECTIONS)}")
        return section, name
    known = {
        "task": set(content["task"]),
        "predictor": {f.name for f in fields(PredictorSettings)} - {"options"} | set(content["predictor"]),
        "training": {f.name for f in fields(TrainingSettings)},
    }
    found = [section for section in SECTIONS if key in known[section]]
    if len(found) != 1:
        if found:
            raise ArlearnError(f"--set {key}: say which: " + " or ".join(f"{section}.{key}" for section in found))
        near = difflib.get_close_matches(key, sorted(set().union(*known.values())), 1)
        hint = f"; did you mean {near[0]}?" if near else "; see arlearn recipes NAME, or write section.key=value"
        raise ArlearnError(f"--set {key}: no section of the recipe has this setting{hint}")
    return found[0], key


def _value(text: str) -> Any:
    """A value written as in TOML; what is none is a string."""
    try:
        return tomllib.loads(f"x = {text}")["x"]
    except tomllib.TOMLDecodeError:
        return text
