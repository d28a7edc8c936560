"""Where an engine is: its module is imported as its author would, whatever else is called that.

gradpath's own packages are called `engine`, `nn` and `viz`, and so are many a student's files. The
process that imports an engine forgets those names first (`step_aside`); what this package needs of
them it holds already.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import json
import linecache
import os
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

HOME = Path(__file__).parents[3]  # the folder that gradpath's packages are in
OWN = ("engine", "nn", "viz")


class NotAnEngineError(Exception):
    """What was given cannot be checked; the message says why in one line."""


class Origin(NamedTuple):
    """Where an engine was found.

    Attributes:
        module: the name under which it is imported; "" if it cannot be.
        name: the class's or function's.
        root: the folder that has to be on sys.path for that; "" if none has to.
        file: the file, if one was given.
    """

    module: str
    name: str
    root: str = ""
    file: str = ""


def step_aside(root: Path) -> None:
    """Forget gradpath's modules, and others of the names that are in a folder."""
    there = {path.stem for path in root.iterdir()} if root.is_dir() else set()
    there -= set(sys.stdlib_module_names)
    for name in list(sys.modules):
        if name.partition(".")[0] in {*OWN, *there} and name != "__main__":
            del sys.modules[name]
    importlib.invalidate_caches()


def load(target: str, folder: str) -> tuple[Any, ModuleType, Origin]:
    """What is at ``path/to/mine.py:Value``, ``mine.ipynb:Value`` or ``package.module:Value``.

    Raises:
        NotAnEngineError: if it cannot be imported, or is not there.
    """
    place, _, name = target.rpartition(":")
    root, dotted = Path(folder), place
    if is_file(place):
        root, dotted = package_of(Path(place))
    sys.path[:] = [str(root), *(p for p in [folder, *sys.path] if p not in ("", str(root)))]
    step_aside(root)
    try:
        if place.endswith(".ipynb"):
            module, dotted = from_notebook(Path(place), name), ""
        elif place.endswith(".py"):
            module, dotted, root = from_file(Path(place), dotted, root)
        else:
            module = importlib.import_module(place)
    except BaseException as error:  # whatever the file does: it may even call exit()
        raise NotAnEngineError(f"importing {place} fails: {describe(error)}") from None
    origin = Origin(dotted, name, *((str(root), place) if is_file(place) else ()))
    try:
        make = getattr(module, name)
    except AttributeError:
        near = ", ".join(n for n, x in vars(module).items() if inspect.isclass(x))
        has = f"; its classes: {near}" if near else ""
        raise NotAnEngineError(f"there is no {name!r} in {place}{has}") from None
    if is_file(place) and is_gradpaths(make):
        raise NotAnEngineError(
            f"{name} in {place} is gradpath's own: nothing else is called "
            f"{make.__module__.partition('.')[0]} there (to check gradpath itself: engine:Value)"
        )
    return make, module, origin


def is_file(place: str) -> bool:
    """Whether a place is written as a file's."""
    return place.endswith((".py", ".ipynb"))


def is_gradpaths(make: Any) -> bool:
    """Whether a class is one of gradpath's, which somebody's file only imports."""
    module = getattr(make, "__module__", None) or ""
    file = Path(getattr(sys.modules.get(module), "__file__", None) or "").resolve()
    there = (p / "engine" / "rules.py" for p in file.parents)  # maybe another copy of gradpath
    return module.partition(".")[0] in OWN and any(path.is_file() for path in there)


def package_of(path: Path) -> tuple[Path, str]:
    """The folder from which a file is imported, and under which name."""
    root, names = path.resolve().parent, [path.stem]
    while (root / "__init__.py").is_file() and root.name.isidentifier():
        root, names = root.parent, [root.name, *names]
    return root, ".".join(names[:-1] if names[-1] == "__init__" else names)


def from_file(path: Path, name: str, root: Path) -> tuple[ModuleType, str, Path]:
    """The module in a file, its name, and the folder it is imported from."""
    if "." in name:
        return importlib.import_module(name), name, root
    try:
        return alone(path, name), name, root
    except ImportError as error:
        if "relative import" not in str(error) or not root.name.isidentifier():
            raise
    sys.path.insert(0, str(root.parent))  # a package without __init__.py
    name = f"{root.name}.{name}"
    return importlib.import_module(name), name, root.parent


def alone(path: Path, name: str) -> ModuleType:
    """The module in a file that belongs to no package."""
    known = name if name not in sys.modules else f"{name}_under_test"
    spec = importlib.util.spec_from_file_location(known, path.resolve())
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[known] = module
    spec.loader.exec_module(module)
    return module


def from_notebook(path: Path, name: str) -> ModuleType:
    """The module that a notebook's cells make, up to the last that adds to the class.

    A cell may fail: it may want data or a display that are not here.
    """
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    sources = ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
    codes = [plain(source) for source in sources]
    last = max((k for k, code in enumerate(codes) if defines(code, name)), default=len(codes) - 1)
    module = ModuleType(path.stem if path.stem.isidentifier() else "notebook")
    sys.modules.setdefault(module.__name__, module)
    failed: BaseException | None = None
    for number, code in enumerate(codes[: last + 1]):
        file = f"{path.name}, cell {number + 1}"
        linecache.cache[file] = (len(code), None, code.splitlines(True), file)
        try:
            exec(compile(code, file, "exec"), vars(module))
        except BaseException as error:
            failed = failed or error
    if failed is not None and not hasattr(module, name):
        raise failed
    return module


def plain(source: str) -> str:
    """A cell without what only notebooks understand."""
    if source.startswith("%%") and not source.startswith(("%%time", "%%capture")):
        return ""
    lines = source.splitlines()
    for k, line in enumerate(lines):
        bare = line.lstrip()
        if bare.startswith(("%", "!", "?")):
            lines[k] = line[: len(line) - len(bare)] + "pass"
    return "\n".join(lines) + "\n"


def defines(code: str, name: str) -> bool:
    """Whether a cell makes a class or function, or gives it another attribute."""
    try:
        body = ast.parse(code).body
    except SyntaxError:
        return False
    written = (f"{name}.", f"{name} =")
    return any(
        getattr(node, "name", "") == name or ast.unparse(node).startswith(written) for node in body
    )


# ---------------------------------------------------------------- programs that import it


def imports(origin: Origin | None, needed: list[str], absolute: bool = False) -> list[str]:
    """The lines of a program, run in the current folder, that bring an engine's names.

    Args:
        origin: where it is; None: nobody knows.
        needed: the names.
        absolute: whether the program is to run in any folder.
    """
    if origin is None:
        return []
    if origin.file.endswith(".ipynb"):
        return [f"# in {Path(origin.file).name}, after its cells", ""]
    lines = []
    root = Path(origin.root)
    if origin.file and (absolute or root != Path.cwd().resolve()):
        place = str(root) if absolute else os.path.relpath(root)
        lines = ["import sys", "", f"sys.path.insert(0, {place!r})"]
    if all(part.isidentifier() for part in origin.module.split(".")):
        return [*lines, f"from {origin.module} import {', '.join(needed)}", ""]
    file = str(Path(origin.file).resolve()) if absolute else origin.file
    brought = [f'{name} = module["{name}"]' for name in needed]
    return [*lines, "from runpy import run_path", "", f"module = run_path({file!r})", *brought, ""]


# ---------------------------------------------------------------- exceptions in one line


def shown(x: Any) -> str:
    """A thing in few words."""
    try:
        return in_line(repr(x), 40)
    except Exception:
        return article(x)


def article(x: Any) -> str:
    """A thing by its type: "an int"."""
    name = type(x).__name__
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def in_line(text: str, most: int) -> str:
    """Text in one line, of so many characters at most, without what would steer a terminal."""
    text = " ".join(text.split())
    text = "".join(x if x.isprintable() else "\N{REPLACEMENT CHARACTER}" for x in text)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def headline(error: BaseException) -> str:
    """An exception in one line."""
    try:
        text = f"{type(error).__name__}: {error}"
    except Exception:  # its own __str__ may fail
        text = type(error).__name__
    return in_line(text.rstrip().removesuffix(":"), 200)


def own_frame(error: BaseException) -> traceback.FrameSummary | None:
    """The innermost place in the engine's own code that an exception came through."""
    home = Path(__file__).parent
    ours = (home, home.parent, Path(importlib.__file__).parent)
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        harness = path.parent in ours
        if not harness and not frame.filename.startswith("<froz"):
            return frame
    return None


def line(error: BaseException) -> str:
    """The line of the engine's own code that an exception came from."""
    if isinstance(error, SyntaxError) and error.lineno:
        return f"{Path(error.filename or '?').name}, line {error.lineno}"
    frame = own_frame(error)
    return in_line(f"{Path(frame.filename).name}, line {frame.lineno}", 200) if frame else ""


def describe(error: BaseException) -> str:
    """An exception in one line, with the line of code that it came from."""
    where = line(error)
    return f"{headline(error)} ({where})" if where else headline(error)
