"""Every recipe that ships can be read, and what it names exists."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from arlearn.tasks import KINDS
from arlearn.training.recipe import Recipe, load_recipe, recipe_names

ARLEARN = Path(__file__).parents[1]


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_loads(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.description
    assert recipe.task["kind"] in KINDS
    assert Recipe.from_toml(recipe.to_toml(), name) == recipe
    assert load_recipe(ARLEARN / "recipes" / f"{name}.toml") == recipe


def test_all_files_are_found_by_name() -> None:
    assert {path.stem for path in (ARLEARN / "recipes").glob("*.toml")} == set(recipe_names())


@pytest.mark.slow
def test_the_wheel_holds_the_recipes(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ARLEARN)]
    built = subprocess.run(command, capture_output=True, text=True)
    if "No module named build" in built.stderr:
        pytest.skip("the package `build` is not installed")
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    inside = zipfile.ZipFile(wheel)
    assert {f"arlearn/recipes/{name}.toml" for name in recipe_names()} <= set(inside.namelist())
    inside.extractall(tmp_path / "installed")
    # the wheel's own package, not this source tree, must find them
    code = "import arlearn.training.recipe as r; print(r.load_recipe('tinystories-cpu').name, r.__file__)"
    asked = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "installed"), "PATH": ""},
    )
    assert asked.stdout.split() == ["tinystories-cpu", str(tmp_path / "installed/arlearn/training/recipe.py")], (
        asked.stderr
    )
