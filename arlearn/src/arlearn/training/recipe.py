"""Recipes: how one model is made, as a TOML file and as a dataclass.

A recipe has a ``description`` and the sections ``[task]``, ``[predictor]`` and ``[training]`` (``settings``). Whatever
is wrong with one is reported at once.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import tomli_w
from pydantic import TypeAdapter, ValidationError

import arlearn
from arlearn.errors import ArlearnError
from arlearn.training.settings import PredictorSettings, TextSettings, TrainingSettings

SECTIONS = ("task", "predictor", "training")
# what [predictor] may say beside the fields of PredictorSettings; kind = "task" is checked by the task
OPTIONS = {"linear": (), "mlp": (), "transformer": ("layers", "heads"), "ngram": ("order",)}
# and which of the fields mean nothing for a kind
UNUSED = {"transformer": ("map",), "ngram": ("map", "width", "bias")}
Section = TypeVar("Section")


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
        """The recipe that these tables describe. Raises ArlearnError that lists everything wrong with them."""
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
            text = _read(TextSettings, "task", task, problems)
            task = asdict(text) if text is not None else task
        predictor = _read(PredictorSettings, "predictor", _with_options(tables["predictor"]), problems)
        training = _read(TrainingSettings, "training", tables["training"], problems)
        if predictor is not None and training is not None:
            problems += contradictions(task, predictor, training)
        if problems or predictor is None or training is None:
            raise ArlearnError(f"recipe {name}: " + "; ".join(problems))
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

        ``key=none`` takes a limit away. Raises ArlearnError that lists every change that is invalid.
        """
        content = self.to_mapping()
        problems = []
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
        if problems:
            raise ArlearnError("; ".join(problems))
        return Recipe.from_mapping(content, self.name)

    def with_inputs(self, data: str | Path | None, tokenizer: str | None) -> Recipe:
        """This recipe with another text or vocabulary; tokenizer "train" means one learned from the text.

        Raises ArlearnError where the task is no text.
        """
        if data is None and tokenizer is None:
            return self
        if self.task["kind"] != "text":
            raise ArlearnError(f"recipe {self.name} learns {self.task['kind']}: --data and --tokenizer are for text")
        given = {} if data is None else {"data": str(data)}
        if tokenizer is not None:
            given["tokenizer"] = "" if tokenizer == "train" else tokenizer
        return replace(self, task=self.task | given)


def contradictions(task: Mapping[str, Any], predictor: PredictorSettings, training: TrainingSettings) -> list[str]:
    """What each section allows by itself but not together."""
    found = []
    if training.steps is None and training.epochs is None and training.max_minutes is None:
        found.append("[training] has no end: give steps, epochs or max_minutes")
    if not training.checkpoint_steps and not training.checkpoint_minutes:
        found.append("[training] never writes a checkpoint: give checkpoint_steps or checkpoint_minutes")
    if any(not 0 <= beta < 1 for beta in training.betas):
        found.append(f"[training] betas must lie in [0, 1), not {list(training.betas)}")
    if training.final and training.schedule == "constant":
        found.append("[training] final has no meaning with a constant schedule")
    if training.decay_until is not None and not training.weight_decay:
        found.append("[training] decay_until has no meaning without weight_decay")
    if task.get("kind") == "text" and predictor.kind == "task":
        found.append('[predictor] kind = "task": a text supplies no predictor of its own')
    if task.get("kind") == "text" and training.evaluate_every and not training.evaluate_data:
        found.append("[training] evaluate_every needs evaluate_data for a text")
    if task.get("kind") != "text" and training.evaluate_data:
        found.append("[training] evaluate_data is for text only")
    if predictor.kind in OPTIONS:
        found += [
            f"[predictor] of kind {predictor.kind} has no {name}"
            for name in sorted(predictor.options)
            if name not in OPTIONS[predictor.kind]
        ]
        found += [
            f"[predictor] {name} = {value!r}: must be a whole number, 1 or more"
            for name, value in predictor.options.items()
            if name in OPTIONS[predictor.kind] and (type(value) is not int or value < 1)
        ]
    if predictor.kind == "ngram":
        if task.get("kind") != "text":
            found.append('[predictor] kind = "ngram" counts the n-grams of a text, and the task is none')
        if training.epochs != 1 or training.steps is not None or training.max_minutes is not None:
            found.append('[predictor] kind = "ngram" reads the text once: [training] has epochs = 1 and no other end')
        if training.evaluate_every:
            found.append('[predictor] kind = "ngram" has no updates between which to measure: set evaluate_every=0')
    return found


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
            hint = f"; did you mean {near[0]}?" if near else f"; there are: {', '.join(recipe_names())}, or give a file"
            raise ArlearnError(f"no recipe is called {name}{hint}")
        path = found[0]
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ArlearnError(f"cannot read recipe {path}: {error}") from error
    return Recipe.from_toml(text, path.stem)


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


def _read(settings: type[Section], section: str, table: dict[str, Any], problems: list[str]) -> Section | None:
    try:
        return TypeAdapter(settings).validate_python(table)
    except ValidationError as error:
        for one in error.errors():
            key = ".".join(str(part) for part in one["loc"])
            if one["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
                near = difflib.get_close_matches(key, [f.name for f in fields(settings)], 1)  # type: ignore[arg-type]
                problems.append(f"[{section}] has no {key}" + (f" (did you mean {near[0]}?)" if near else ""))
            else:
                problems.append(f"[{section}] {key} = {one['input']!r}: {one['msg'][:1].lower()}{one['msg'][1:]}")
        return None


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
        raise ArlearnError(f"--set {key}: no section of the recipe has it{hint}")
    return found[0], key


def _value(text: str) -> Any:
    """A value written as in TOML; what is none is a string."""
    try:
        return tomllib.loads(f"x = {text}")["x"]
    except tomllib.TOMLDecodeError:
        return text
