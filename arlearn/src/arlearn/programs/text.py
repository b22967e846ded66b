"""Programs as text: one line for a step, and JSON (or TOML) for a whole program.

This is the form in which a compiled model's card keeps its program, and which ``arlearn compile program FILE`` reads.

Also here: the circuits, machines and functions that come with arlearn (``example_text``), and which step wrote each
token of a sequence from which tokens (``trace``).
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import arlearn
from arlearn.errors import ArlearnError
from arlearn.programs.semantics import Semantics
from arlearn.programs.steps import (
    Add,
    Alphabet,
    Compare,
    Constant,
    Join,
    Lookup,
    Loop,
    Option,
    Parts,
    Program,
    ProgramError,
    Select,
    Slot,
    Step,
    Table,
    Term,
    references,
    written,
)

_NAME = r"[A-Za-z_][A-Za-z0-9_.]*"
NAME = re.compile(_NAME)
_STEP = re.compile(rf"\s*({_NAME})\s*:\s*({_NAME})\s*=\s*([a-z]+)\s*(.*?)\s*")
_CALL = re.compile(rf"({_NAME})\s*\(\s*({_NAME})\s*\)")
_TERM = re.compile(rf"\s*([+-])?\s*(?:(\d+)\s*\*\s*)?(?:({_NAME})\s*\(\s*({_NAME})\s*\)|({_NAME})|(\d+))\s*")
_RULE = re.compile(r"\s*([a-z]+)\s*(.*?)\s*")
RULES = ("join", "lookup", "copy", "constant", "add", "compare", "select", "parts")


def parse_step(line: str) -> Step:
    """The step written in this line. Raises ValueError, saying what is wrong, if there is none."""
    match = _STEP.fullmatch(line)
    if match is None:
        raise ValueError(f"{line.strip()!r} is not a step; write NAME : ALPHABET = RULE, as in 's : sum = add x + y'")
    return _parse_rule(*match.groups())


def _parse_rule(name: str, alphabet: str, rule: str, rest: str) -> Step:
    if rule == "join":
        refs = tuple(rest.split())
        if len(refs) < 2 or not all(NAME.fullmatch(ref) for ref in refs):
            raise ValueError(f"{name}: join needs two or more names, got {rest!r}")
        return Join(name, alphabet, refs)
    if rule == "lookup":
        call = _CALL.fullmatch(rest)
        if call is None:
            raise ValueError(f"{name}: lookup needs TABLE(NAME), got {rest!r}")
        return Lookup(name, alphabet, call[2], call[1])
    if rule == "copy":
        if not NAME.fullmatch(rest):
            raise ValueError(f"{name}: copy needs one name, got {rest!r}")
        return Lookup(name, alphabet, rest)
    if rule == "constant":
        if not rest:
            raise ValueError(f"{name}: constant needs a word")
        return Constant(name, alphabet, rest)
    if rule == "add":
        return Add(name, alphabet, *parse_sum(name, rest))
    if rule == "compare":
        left, sign, right = rest.partition(">=")
        if not sign or not re.fullmatch(r"\s*-?\d+\s*", right):
            raise ValueError(f"{name}: compare needs a sum, '>=' and a whole number, got {rest!r}")
        terms, constant = parse_sum(name, left)
        return Compare(name, alphabet, terms, int(right) - constant)
    if rule == "select":
        return Select(name, alphabet, tuple(_parse_option(name, each) for each in re.split(r"\belse\b", rest)))
    if rule == "parts":
        return Parts(name, alphabet, tuple(_parse_part(name, each) for each in rest.split("|")))
    raise ValueError(f"{name}: there is no rule {rule!r}; the rules are {', '.join(RULES)}")


def _parse_option(name: str, text: str) -> Option:
    call, ref = _CALL.fullmatch(text.strip()), NAME.fullmatch(text.strip())
    if call is not None:
        return Option(call[2], call[1])
    if ref is not None:
        return Option(ref[0])
    raise ValueError(f"{name}: select needs NAME or TABLE(NAME), with 'else' between them, got {text.strip()!r}")


def _parse_part(name: str, text: str) -> Step:
    match = _RULE.fullmatch(text)
    if match is None or match[1] in ("join", "parts"):
        raise ValueError(f"{name}: parts needs rules with '|' between them, not joins or parts; got {text.strip()!r}")
    try:
        return _parse_rule("", "", match[1], match[2])
    except ValueError as error:
        raise ValueError(f"{name}{error}") from error


def parse_sum(name: str, text: str) -> tuple[tuple[Term, ...], int]:
    """Terms and constant of ``ones(p) + 2*q - 3``. Raises ValueError if it is not such a sum."""
    terms: list[Term] = []
    constant, place = 0, 0
    while place < len(text):
        match = _TERM.match(text, place)
        if match is None or (place > 0 and match[1] is None):
            raise ValueError(f"{name}: {text.strip()!r} is not a sum of terms such as 2*table(x) - y + 3")
        sign = -1 if match[1] == "-" else 1
        if match[6] is not None:
            constant += sign * int(match[6]) * int(match[2] or 1)
        else:
            terms.append(Term(match[4] or match[5], match[3], sign * int(match[2] or 1)))
        place = match.end()
    if not text.strip():
        raise ValueError(f"{name}: the sum is empty")
    return tuple(terms), constant


def parse_program(text: str, name: str = "program") -> Program:
    """A program from a TOML or JSON file's text. Raises ProgramError listing all that cannot be read."""
    try:
        description = json.loads(text) if text.lstrip().startswith("{") else tomllib.loads(text)
    except (json.JSONDecodeError, tomllib.TOMLDecodeError) as error:
        raise ProgramError(f"the text of program {name!r}", [f"it is neither TOML nor JSON: {error}"]) from error
    return from_json({"name": name} | description)


def to_json(program: Program) -> dict[str, Any]:
    """A JSON-ready description that ``from_json`` reads back."""
    words = {alphabet.name: alphabet.words for alphabet in program.alphabets}
    loop = program.loop
    written_loop = (
        {}
        if loop is None
        else {
            "loop": {
                "steps": [written(step) for step in loop.steps],
                "initial": dict(loop.initial),
                "halt": list(loop.halt),
            }
        }
    )
    return {
        "name": program.name,
        "alphabets": [_alphabet_json(alphabet) for alphabet in program.alphabets],
        "tables": [_table_json(table, words.get(table.source, ())) for table in program.tables],
        "slots": [
            {"name": slot.name, "alphabet": slot.alphabet} | ({} if slot.only is None else {"only": list(slot.only)})
            for slot in program.slots
        ],
        "steps": [written(step) for step in program.steps],
        "outputs": list(program.outputs),
        "interface": dict(program.interface),
        **written_loop,
    }


def from_json(description: Mapping[str, Any]) -> Program:
    """The program that this describes. Raises ProgramError listing all that cannot be read; what it means is not checked."""
    reader = _Reader()
    name = str(description.get("name", "program"))
    for key in sorted(
        set(description) - {"name", "alphabets", "tables", "slots", "steps", "outputs", "interface", "loop"}
    ):
        reader.faults.append(f"unknown entry {key!r}")
    alphabets = reader.each(description, "alphabets", _read_alphabet)
    words = {alphabet.name: alphabet.words for alphabet in alphabets}
    tables = reader.each(description, "tables", lambda entry: _read_table(entry, words))
    slots = reader.each(description, "slots", _read_slot)
    steps = reader.steps(description.get("steps", []), "step")
    loop = reader.loop(description.get("loop"))
    outputs = description.get("outputs", [])
    interface = description.get("interface", {"kind": "tokens"})
    if not isinstance(outputs, list) or not isinstance(interface, Mapping):
        reader.faults.append("outputs must be a list of names and interface a table")
    if reader.faults:
        raise ProgramError(f"the text of program {name!r}", reader.faults)
    return Program(
        name, tuple(alphabets), tuple(tables), tuple(slots), steps, tuple(map(str, outputs)), dict(interface), loop
    )


class _Reader:
    """Reads entries one by one and keeps what is wrong with each."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    def each(self, description: Mapping[str, Any], key: str, read: Any) -> list[Any]:
        entries = description.get(key, [])
        if not isinstance(entries, Sequence) or isinstance(entries, str):
            self.faults.append(f"{key} must be a list")
            return []
        found = []
        for number, entry in enumerate(entries, 1):
            try:
                found.append(read(entry))
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                missing = f"it has no {error}" if isinstance(error, KeyError) else str(error)
                self.faults.append(f"{key} entry {number}: {missing}")
        return found

    def steps(self, lines: Any, where: str) -> tuple[Step, ...]:
        """Steps from lines of text, or from a list of lines; ``where`` begins the reports."""
        if not isinstance(lines, str | list):
            self.faults.append(f"the {where}s must be text or a list of lines")
            return ()
        found = []
        for number, line in enumerate(lines.splitlines() if isinstance(lines, str) else lines, 1):
            text = str(line).partition("#")[0] if isinstance(lines, str) else str(line)
            if text.strip():
                try:
                    found.append(parse_step(text))
                except ValueError as error:
                    self.faults.append(f"{where} line {number}: {error}")
        return tuple(found)

    def loop(self, entry: Any) -> Loop | None:
        """The loop that this describes; None for None."""
        if entry is None:
            return None
        if not isinstance(entry, Mapping):
            self.faults.append("loop must be a table with steps, initial and halt")
            return None
        self.faults.extend(
            f"unknown entry {key!r} of the loop" for key in sorted(set(entry) - {"steps", "initial", "halt"})
        )
        initial, halt = entry.get("initial", {}), entry.get("halt", [])
        if not isinstance(initial, Mapping) or not isinstance(halt, list):
            self.faults.append("the loop's initial must be a table of names and its halt a list of words")
            initial, halt = {}, []
        names = {str(name): str(first) for name, first in initial.items()}
        return Loop(self.steps(entry.get("steps", []), "loop step"), names, tuple(map(str, halt)))


def _alphabet_json(alphabet: Alphabet) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": alphabet.name, "words": list(alphabet.words)}
    if alphabet.values is not None:
        entry["values"] = list(alphabet.values)
    if alphabet.parts:
        entry["parts"] = list(alphabet.parts)
    return entry


def _read_alphabet(entry: Mapping[str, Any]) -> Alphabet:
    values = entry.get("values")
    return Alphabet(
        str(entry["name"]),
        tuple(str(word) for word in entry["words"]),
        None if values is None else tuple(int(value) for value in values),
        tuple(str(part) for part in entry.get("parts", ())),
    )


def _table_json(table: Table, words: Sequence[str]) -> dict[str, Any]:
    # A table that covers its alphabet is a list in the alphabet's order: a fraction of the size of a mapping.
    total = set(words) == set(table.entries)
    entries = [table.entries[word] for word in words] if total else dict(table.entries)
    return {"name": table.name, "source": table.source, "target": table.target, "entries": entries}


def _read_table(entry: Mapping[str, Any], words: Mapping[str, Sequence[str]]) -> Table:
    name, source, target = str(entry["name"]), str(entry["source"]), entry.get("target")
    entries = entry["entries"]
    if not isinstance(entries, Mapping):
        if source in words and len(entries) != len(words[source]):
            raise ValueError(
                f"table {name} lists {len(entries)} entries for the {len(words[source])} tokens of {source}"
            )
        entries = dict(zip(words.get(source, ()), entries, strict=False))
    read: dict[str, str | int] = {str(k): str(v) if target is not None else int(v) for k, v in entries.items()}
    return Table(name, source, read, None if target is None else str(target))


def _read_slot(entry: Mapping[str, Any]) -> Slot:
    only = entry.get("only")
    return Slot(str(entry["name"]), str(entry["alphabet"]), None if only is None else tuple(str(w) for w in only))


LARGEST = 10_000_000  # bytes of a program's text


def example_folder() -> Path:
    """Where the examples are: inside an installed package, or beside the source tree."""
    package = Path(arlearn.__file__).parent
    inside = package / "examples"
    return inside if inside.is_dir() else package.parents[1] / "examples"


def example_names(suffix: str) -> list[str]:
    """The examples with this suffix, without it."""
    found = (path.name.removesuffix(suffix) for path in example_folder().glob(f"*{suffix}"))
    return sorted(name for name in found if "." not in name)  # .toml is not .program.toml


def example_text(name: str, suffix: str) -> tuple[str, str]:
    """(text, name) of a file, or of the example with this name, with or without its suffix.

    Raises ArlearnError if there is neither, or the file cannot be read as text.
    """
    path = Path(name)
    if not path.exists() and path.name == name:
        shipped = example_folder() / (name if name.endswith(suffix) else name + suffix)
        path = shipped if shipped.exists() else path
    try:
        if path.stat().st_size > LARGEST:
            raise ArlearnError(f"{path} is too large to be the text of a program ({path.stat().st_size} bytes)")
        return path.read_text(encoding="utf-8"), path.stem
    except FileNotFoundError as error:
        raise ArlearnError(
            f"there is no file {name!r}; examples that need none: {', '.join(example_names(suffix))}"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ArlearnError(f"{path} cannot be read as text: {error}") from error


@dataclass(frozen=True)
class Origin:
    """One token of a sequence.

    Attributes:
        position: where it stands, from 0.
        word: how it is written.
        name: the prompt slot or the step.
        rule: what the step does; None in the prompt.
        sources: (position, name, word) of every token the step refers to.
    """

    position: int
    word: str
    name: str
    rule: str | None
    sources: tuple[tuple[int, str, str], ...] = ()

    def as_json(self) -> dict[str, Any]:
        """One JSON-ready object."""
        return {
            "position": self.position,
            "token": self.word,
            "name": self.name,
            "rule": self.rule,
            "from": [{"position": p, "name": n, "token": w} for p, n, w in self.sources],
        }

    def __str__(self) -> str:
        if self.rule is None:
            return f"{self.position:>5}  {self.word:<10} {self.name} (prompt)"
        read = ", ".join(f"{name} = {word} at {position}" for position, name, word in self.sources)
        return f"{self.position:>5}  {self.word:<10} {self.name} = {self.rule}" + (f"   [{read}]" if read else "")


def trace(semantics: Semantics, words: Sequence[str]) -> list[Origin]:
    """The origin of each of these words, a prompt and as much of the chain of thought as there is.

    A loop's tokens are named after their step; a source in the pass before is called ``before.NAME``.
    """
    slots = len(semantics.program.slots)
    origins = []
    for position, word in enumerate(words):
        row = semantics.row_of(position)
        if row >= len(semantics.items):
            break
        if row < slots:
            origins.append(Origin(position, word, semantics.items[row].name, None))
            continue
        step = semantics.generated_steps[row - slots]
        places = [(position - semantics.back(row, ref), ref) for ref in references(step)]
        sources = tuple((place, ref, words[place]) for place, ref in places)
        origins.append(Origin(position, word, step.name, step.rule(), sources))
    return origins
