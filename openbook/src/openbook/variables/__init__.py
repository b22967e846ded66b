"""The nine variables a record answers. Data, not code: what each asks stands in ``definitions.toml``."""

from typing import Final

#: The seven that score, in the order in which tables show them.
SCORED: Final = (
    "pseudocode",
    "open_source_code",
    "open_datasets",
    "dataset_splits",
    "hardware_specification",
    "software_dependencies",
    "experiment_setup",
)
#: The two that describe.
DESCRIPTIVE: Final = ("research_type", "affiliation")
VARIABLES: Final = SCORED + DESCRIPTIVE

__all__ = ["DESCRIPTIVE", "SCORED", "VARIABLES"]
