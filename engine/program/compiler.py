"""The loops of programs in machine code: by numba, or from the disk if they were compiled before.

What has been compiled is kept in files, under a hash of all that went into it. They are written
whole or not at all and begin with a hash of what they hold, so that several processes may share
them, and what is damaged is compiled anew. Where nothing can be kept, nothing is.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import pickle
import sys
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..files import write_atomically
from . import kernels
from .straight import FUNCTIONS

STRICT: Any = {"error_model": "numpy", "fastmath": {"contract"}}
FREE: Any = {"error_model": "numpy", "fastmath": {"contract", "reassoc"}}  # in the order of sums
NUMBERS: dict[str, Any] = {
    "np": np, "float32": np.float32, "float64": np.float64, "inf": math.inf, "nan": math.nan,
    "pow": math.pow,
}  # fmt: skip
MOST = 100  # files that are kept
LONGEST = 30 * 24 * 3600  # seconds for which a file is kept that nobody uses

ALIVE: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()


def compile_loops(text: str) -> Callable[..., None]:
    """The function ``steps`` in the text, to be compiled when it is first called.

    Raises:
        ImportError: without numba.
    """
    try:
        from numba import njit  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ImportError:
        raise ImportError(
            "compiled programs need numba: pip install gradpath[jit]; without it, programs run "
            "as they are"
        ) from None
    steps = ALIVE.get(text)
    if steps is None:
        names = namespace(njit) | {"__name__": __name__}
        exec(compile(text, "<program>", "exec"), names)
        function = names["steps"]
        # numba tells functions in machine code by their names
        function.__qualname__ = f"steps_{hashlib.sha256(text.encode()).hexdigest()[:16]}"
        steps = ALIVE[text] = njit(**STRICT)(function)
        with contextlib.suppress(Exception):  # without what numba is inside, nothing is kept
            steps._cache = stored(steps, text)
    return steps  # type: ignore[no-any-return]


def namespace(compiler: Callable[..., Any]) -> dict[str, Any]:
    """What the generated functions call, compiled."""
    called = {name: compiler(**options)(f) for name, (f, options) in functions().items()}
    return FUNCTIONS | NUMBERS | called


def functions() -> dict[str, tuple[Any, dict[str, Any]]]:
    """Functions in Python that the generated ones call, and how they are compiled."""
    return {
        "max": (FUNCTIONS["max"], {}), "min": (FUNCTIONS["min"], {}),
        "product": (kernels.product, STRICT), "product_of_any": (kernels.product_of_any, STRICT),
        "product_of_rows": (kernels.product_of_rows, FREE),
    }  # fmt: skip


# ---------------------------------------------------------------- on the disk


def folder() -> Path:
    """Where machine code is kept.

    Raises:
        OSError: if it cannot be made, or others may write to it.
    """
    chosen = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(chosen) if Path(chosen).is_absolute() else Path.home() / ".cache"
    found = base / "gradpath" / "programs"
    found.mkdir(mode=0o700, parents=True, exist_ok=True)
    if hasattr(os, "getuid"):
        state = found.stat()
        if state.st_uid != os.getuid() or state.st_mode & 0o022:
            raise PermissionError(f"others may write to {found}")
    return found


def surroundings() -> str:
    """What machine code depends on besides the text, its arguments and the processor."""
    import llvmlite  # type: ignore[import-not-found, import-untyped, unused-ignore]
    import numba

    called = [
        (name, code.co_code, code.co_consts, code.co_names, how)
        for name, (f, options) in functions().items()
        for code, how in [(f.__code__, [(key, sorted(x)) for key, x in options.items()])]
    ]
    settings = sorted(item for item in os.environ.items() if item[0].startswith("NUMBA_"))
    versions = sys.version, np.__version__, numba.__version__, llvmlite.__version__
    return repr((versions, settings, called))


def stored(dispatcher: Any, text: str) -> Any:
    """What numba asks for machine code before it compiles, and gives what it has compiled."""
    from numba.core.caching import NullCache  # type: ignore[import-not-found, unused-ignore]
    from numba.core.compiler import CompileResult  # type: ignore[import-not-found, unused-ignore]
    from numba.core.serialize import dumps  # type: ignore[import-not-found, unused-ignore]

    processor = dispatcher.targetctx.codegen().magic_tuple()

    def path(signature: Any) -> Path:
        key = repr((text, str(signature), processor, surroundings()))
        return folder() / hashlib.sha256(key.encode()).hexdigest()

    class Files(NullCache):  # type: ignore[misc, unused-ignore]
        """Compiled functions in files, one in each."""

        def load_overload(self, sig: Any, target_context: Any) -> Any:
            """What has been compiled for these types; None if there is nothing."""
            with contextlib.suppress(Exception):  # whatever it is, it is compiled anew
                data = load(path(sig))
                target_context.refresh()
                return CompileResult._rebuild(target_context, *pickle.loads(data))

        def save_overload(self, sig: Any, data: Any) -> None:
            """Keep what has been compiled, if that can be."""
            with contextlib.suppress(Exception):
                if not data.library.has_dynamic_globals and not data.lifted:
                    save(path(sig), dumps(data._reduce()))

    return Files()


def load(path: Path) -> bytes:
    """What was saved.

    Raises:
        OSError: if nothing was.
        ValueError: if it is damaged.
    """
    data = path.read_bytes()
    if hashlib.sha256(data[32:]).digest() != data[:32]:
        raise ValueError(f"{path} is damaged")
    os.utime(path)  # it has been used
    return data[32:]


def save(path: Path, data: bytes) -> None:
    """Save what `load` gives, and remove what nobody has used for long.

    Raises:
        OSError: if it cannot be written.
    """
    write_atomically(path, hashlib.sha256(data).digest() + data)
    files = [(file.stat().st_mtime, file) for file in path.parent.iterdir()]
    files.sort(reverse=True)
    for i, (used, file) in enumerate(files):
        if i >= MOST or used < time.time() - LONGEST:
            with contextlib.suppress(OSError):  # another process has done it
                file.unlink()
