"""What the layout promises: who imports whom, how quickly the engine starts, what is installed."""

from __future__ import annotations

import ast
import configparser
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ALLOWED = {
    "engine": set(),
    "nn": {"engine"},
    "viz": {"engine"},
}
HEAVY = {"numpy", "matplotlib", "graphviz", "pygraphviz", "hypothesis", "numba"}
SLOW_TO_IMPORT = {"dataclasses", "inspect", "typing", "functools", "collections", "re", "enum"}


def module_level_imports(path: Path) -> set[str]:
    """Top-level names of the modules that a file imports when it is loaded."""
    found: set[str] = set()

    def visit(body: list[ast.stmt]) -> None:
        for node in body:
            match node:
                case ast.Import():
                    found.update(alias.name.partition(".")[0] for alias in node.names)
                case ast.ImportFrom() if node.level == 0:
                    found.add((node.module or "").partition(".")[0])
                case ast.If() if ast.unparse(node.test) != "TYPE_CHECKING":
                    visit(node.body + node.orelse)
                case ast.Try() | ast.With():
                    visit(node.body)
                case _:
                    pass

    visit(ast.parse(path.read_text(encoding="utf-8")).body)
    return found


@pytest.mark.parametrize("package", ALLOWED)
def test_packages_import_only_what_the_layout_allows(package: str) -> None:
    files = list((ROOT / package).rglob("*.py"))
    assert files
    for path in files:
        others = module_level_imports(path) & {"engine", "nn", "viz", "demos", "tests"}
        assert others <= ALLOWED[package] | {package}, path.name


def arrows() -> dict[str, set[str]]:
    """Which module imports which, when it is loaded or later, by dotted names."""
    files = [path for package in ALLOWED for path in (ROOT / package).rglob("*.py")]
    names = {path: ".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files}
    names = {path: name.removesuffix(".__init__") for path, name in names.items()}
    found: dict[str, set[str]] = {}

    def visit(node: ast.AST, package: list[str], to: set[str]) -> None:
        match node:
            case ast.If() if "TYPE_CHECKING" in ast.unparse(node.test):
                return
            case ast.Import():
                to.update(alias.name for alias in node.names)
            case ast.ImportFrom():
                start = package[: len(package) - node.level + 1] if node.level else []
                base = ".".join([*start, *([node.module] if node.module else [])])
                inner = {f"{base}.{alias.name}" for alias in node.names}
                to.update(inner & set(names.values()))
                if any(f"{base}.{alias.name}" not in names.values() for alias in node.names):
                    to.add(base)
        for child in ast.iter_child_nodes(node):
            visit(child, package, to)

    for path, name in names.items():
        package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
        to = found[name] = set()
        visit(ast.parse(path.read_text(encoding="utf-8")), package, to)
        to &= set(names.values())
        to.discard(name)
    return found


def test_imports_have_no_circle_lazy_ones_included() -> None:
    left = arrows()
    assert len(left) > 100
    while leaves := {name for name, to in left.items() if not to & left.keys()}:
        for name in leaves:
            del left[name]
    assert not left, "these import each other, or what imports each other"


def test_the_engine_and_nn_reach_for_viz_in_one_place() -> None:
    assert not [
        (name, to) for name, others in arrows().items() for to in others
        if to.partition(".")[0] == "viz" and name.partition(".")[0] != "viz"
    ]  # fmt: skip


@pytest.mark.parametrize("package", ALLOWED)
def test_importing_a_package_loads_nothing_heavy(package: str) -> None:
    code = f"import {package}, sys; print(*sys.modules)"
    loaded = set(python(code).split())
    assert not loaded & HEAVY


def test_the_scalar_engine_never_needs_numpy() -> None:
    code = (
        "import sys; sys.modules['numpy'] = None\n"
        "from engine import Value, tanh, grad, jvp, hessian\n"
        "x = Value(0.5); (tanh(x) * 2 + x ** 2).backward()\n"
        "print(x.grad, grad(tanh)(0.5), jvp(tanh, 0.5, 1.0), hessian(tanh)(0.5))"
    )
    assert "nan" not in python(code)


def test_importing_the_engine_loads_no_module_that_is_slow_to_import() -> None:
    bare = set(python("import sys; print(*sys.modules)").split())
    loaded = set(python("import engine, sys; print(*sys.modules)").split())
    assert not (loaded - bare) & SLOW_TO_IMPORT


def test_the_public_names_exist_and_are_documented() -> None:
    import engine
    import nn
    import viz

    for package in (engine, nn, viz):
        for name in package.__all__:
            assert getattr(package, name).__doc__, f"{package.__name__}.{name}"


def test_every_dependency_is_named_once_and_belongs_to_core_or_an_extra() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    core = config["options"]["install_requires"].split()
    names = {line.partition(">=")[0] for line in core}
    assert names == {"numpy", "graphviz", "pygraphviz", "hypothesis"}
    assert {"demos", "test", "bench"} <= set(config["options.extras_require"])


def python(code: str) -> str:
    """What a fresh interpreter prints for the code."""
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_a_packages_description_refers_to_no_file_beside_it() -> None:
    pytest.importorskip("setuptools")
    text = subprocess.run(
        [sys.executable, "-W", "ignore", "setup.py", "--long-description"],
        capture_output=True, text=True, cwd=ROOT, timeout=60, check=True, encoding="utf-8",
    ).stdout  # fmt: skip
    assert "# gradpath" in text
    assert "## The parts" in text
    assert "demos/pictures" not in text
