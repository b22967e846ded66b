"""What may stand in a ``study.toml``.

    name, title, [paper]   which paper is rebuilt; paper.index_id is its id in the published index, where it is there
    inputs                 files and folders that decide what the commands find, from the repository's root; their
                           content is part of a result's key. The study's own programs always are. {data}/... is under
                           OPENBOOK_DATA, and counts as far as it is there
    packages               distributions whose versions a run records
    [defaults]             fields that every claim has unless it says otherwise
    [report]               what the report says besides results; ``ReportText``
    [[claims]]             one figure each; ``Claim``

A claim is measured by its ``command`` at the scale the paper states. Where that is out of reach (``needs``), ``smaller``
may give a smaller way, and ``quick`` one that takes minutes; ``quick = true`` says that the command itself is quick.
Both take the claim's fields where they give none. What a smaller size can say is limited: at ``best`` the claim is partly
reproduced, and a failure leaves it untested (``worst`` = "not run"), unless the study says otherwise.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from openbook.variables import SCORED

Verdict = Literal["reproduced", "partly", "not reproduced", "not run"]
#: From best to worst.
VERDICTS: tuple[Verdict, ...] = ("reproduced", "partly", "not reproduced", "not run")
Comparison = Literal["equal", "at_least", "at_most"]
SizeName = Literal["full", "smaller", "quick"]


class Strict(BaseModel):
    """Base of all parts: a misspelt key is an error, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Size(Strict):
    """One way to measure a claim."""

    command: tuple[str, ...] = ()
    read: str = ""
    interval: str | None = None
    scale: str = ""
    cost: str = ""
    needs: tuple[str, ...] = ()
    minutes: float = Field(default=60.0, gt=0)
    published: float | None = None
    threshold: float | None = None
    tolerance: float = Field(default=0.0, ge=0)
    partly: float | None = None
    direction: Comparison = "equal"
    best: Verdict = "reproduced"
    worst: Verdict = "not reproduced"
    also: dict[str, float] = {}

    @field_validator("command", mode="before")
    @classmethod
    def _empty_command(cls, given: Any) -> Any:
        return () if given == "" else given

    @model_validator(mode="after")
    def _has_a_target(self) -> Size:
        if not self.command:  # a claim that is still to be given one; openbook study check lists it
            return self
        if not self.read:
            raise ValueError("read names the number that the command prints, such as accuracy.mean")
        if self.published is None and self.threshold is None:
            raise ValueError("give the published number, or the threshold that is ours")
        if self.partly is not None and self.partly < self.tolerance:
            raise ValueError("partly is a wider tolerance, so it cannot be below tolerance")
        for need in self.needs:
            if need.split(":")[0] not in ("data", "gpu", "network"):
                raise ValueError(f"needs can be data, data:FOLDER, gpu or network, not {need!r}")
        return self

    @property
    def target(self) -> float:
        """The number that the measured one is compared with."""
        found = self.published if self.threshold is None else self.threshold
        assert found is not None
        return found


class Changes(Strict):
    """A smaller way to measure a claim: what differs from the claim's own."""

    command: tuple[str, ...] | None = None
    read: str | None = None
    interval: str | None = None
    scale: str | None = None
    cost: str | None = None
    needs: tuple[str, ...] | None = None
    minutes: float | None = None
    threshold: float | None = None
    tolerance: float | None = None
    partly: float | None = None
    direction: Comparison | None = None
    best: Verdict = "partly"
    worst: Verdict = "not run"
    also: dict[str, float] | None = None


class Claim(Size):
    """One claim, and how it is tested.

    ``sentence`` is the paper's, or ours where ``paraphrased``; ``ours`` marks what the paper does not claim and this
    study adds. ``metric`` names the number and its unit. ``published`` is the paper's number; ``threshold``, ours, stands
    in where the paper gives none or where less is asked of a smaller size. The measured number is found under the keys
    ``read`` (separated by dots), its interval [low, high] under ``interval``, and counts as reproduced within
    ``tolerance`` of the target, as partly within ``partly``. ``also`` names further numbers in the same object.
    ``openbook study new`` fills in where the sentence stands: ``page``, ``span`` (characters of the paper's text), the
    ``numbers`` in it and the tables it ``points_to``. ``weight`` is the claim's share of a rubric.
    """

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    sentence: str
    paraphrased: bool = False
    ours: bool = False
    where: str
    metric: str
    variables: tuple[str, ...] = ()
    revised: str = ""
    page: int | None = None
    span: tuple[int, int] | None = None
    numbers: tuple[str, ...] = ()
    points_to: tuple[str, ...] = ()
    weight: float | None = Field(default=None, ge=0)
    smaller: Changes | None = None
    quick: Changes | bool = False

    @model_validator(mode="after")
    def _sizes_are_whole(self) -> Claim:
        for name in ("smaller", "quick"):
            self.size(name)
        return self

    def size(self, name: Literal["full", "smaller", "quick"]) -> Size | None:
        """The claim's size of that name, or None if it has none. ``quick = true`` is the full size."""
        own = {field: getattr(self, field) for field in Size.model_fields}
        if name == "full":
            return Size(**own)
        changes = getattr(self, name)
        if isinstance(changes, bool):
            return Size(**own) if changes else None
        if changes is None:
            return None
        given = {field: value for field, value in changes.model_dump().items() if value is not None}
        dropped: dict[str, Any] = {} if "also" in given else {"also": {}}
        return Size(**own | given | dropped)


class RebuiltPaper(Strict):
    """Which paper a study rebuilds. ``unseen``: what its record in the index cannot know, such as code elsewhere."""

    title: str
    url: str | None = None
    year: int | None = None
    authors: tuple[str, ...] = ()
    venue: str | None = None
    index_id: str | None = None
    unseen: str | None = None


class Algorithm(Strict):
    """Pseudocode: a title, what goes in and comes out, and lines, indented by two spaces a level."""

    title: str
    takes: str
    gives: str
    lines: tuple[str, ...]


class Dataset(Strict):
    """A data set in the report: where it is from and how it is divided; hashes come from the runs."""

    name: str
    text: str
    split: str
    url: str | None = None


class ReportText(Strict):
    """What the report says besides results. Nothing here may be a result: those come from runs."""

    title: str
    authors: tuple[str, ...] = ()
    abstract: str = ""
    background: tuple[str, ...] = ()
    algorithms: tuple[Algorithm, ...] = ()
    datasets: tuple[Dataset, ...] = ()
    setup: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    code: str | None = None
    licence: str | None = None


class Value(Strict):
    """A value that the rebuild needed: as the paper states it, or ``guessed`` because it does not say.

    ``variable`` is the one of the seven whose answer should have held it.
    """

    name: str
    value: str
    variable: str
    guessed: bool = False

    @model_validator(mode="after")
    def _variable_is_one(self) -> Value:
        if self.variable not in SCORED:
            raise ValueError(f"variable {self.variable!r} is none of {', '.join(SCORED)}")
        return self


class Located(Strict):
    """A sentence of the paper, with its page and its span of characters."""

    sentence: str
    span: tuple[int, int]
    page: int | None = None
    links: tuple[str, ...] = ()


class FoundTable(Strict):
    """A table of the paper, as far as its rows could be read."""

    caption: str
    page: int
    rows: tuple[tuple[str, ...], ...] = ()


class Found(Strict):
    """What ``openbook study new`` found in the paper for whoever rebuilds it."""

    setup: tuple[Located, ...] = ()
    datasets: tuple[Located, ...] = ()
    tables: tuple[FoundTable, ...] = ()
    missing: tuple[str, ...] = ()


class StudyFile(Strict):
    """A whole ``study.toml``."""

    name: str
    title: str
    paper: RebuiltPaper
    inputs: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    defaults: dict[str, Any] = {}
    report: ReportText | None = None
    values: tuple[Value, ...] = ()
    found: Found | None = None
    claims: tuple[Claim, ...] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _defaults_go_into_claims(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("defaults"), dict) and isinstance(data.get("claims"), list):
            claims = [data["defaults"] | claim if isinstance(claim, dict) else claim for claim in data["claims"]]
            return data | {"claims": claims}
        return data

    @model_validator(mode="after")
    def _ids_are_unique(self) -> StudyFile:
        ids = [claim.id for claim in self.claims]
        twice = sorted({one for one in ids if ids.count(one) > 1})
        if twice:
            raise ValueError(f"claims have the same id: {', '.join(twice)}")
        return self
