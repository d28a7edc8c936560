"""Files that are never half-written."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from engine.files import write_atomically

ROOT = Path(__file__).parents[1]


def entries(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("data", "content"),
    [
        ("Grüße, ∂y/∂x\n", "Grüße, ∂y/∂x\n".encode()),
        ("a\r\nb\n", b"a\r\nb\n"),
        (b"\x00\xff\r\n", b"\x00\xff\r\n"),
        ("", b""),
        (b"", b""),
        (b"x" * 3_000_000, b"x" * 3_000_000),
    ],
)
@pytest.mark.parametrize("kind", [Path, str])
def test_the_file_has_exactly_the_data(
    tmp_path: Path, data: Any, content: bytes, kind: Any
) -> None:
    path = tmp_path / "model.json"
    assert write_atomically(kind(path), data) == path
    assert path.read_bytes() == content
    assert entries(tmp_path) == ["model.json"]


def test_an_old_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("a much longer old content")
    write_atomically(path, "new")
    assert path.read_text() == "new"


def test_a_path_without_a_folder_is_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_atomically("here.txt", "x")
    assert entries(tmp_path) == ["here.txt"]


@pytest.mark.parametrize(
    "name",
    ["ü" * 120, "x" * 255, ".hidden", "a b'c\"d", "-rf", "模" * 80, "🙂" * 62],
    ids=["accents", "long", "hidden", "quotes", "dash", "chinese", "emoji"],
)
def test_any_name_that_a_file_may_have_will_do(tmp_path: Path, name: str) -> None:
    write_atomically(tmp_path / name, "x")
    assert entries(tmp_path) == [name]


@pytest.mark.parametrize("function", ["fsync", "replace", "rename", "chmod", "fdopen"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str, error: BaseException
) -> None:
    path = tmp_path / "f"
    path.write_text("old")
    path.chmod(0o640)

    def fail(*args: Any, **named: Any) -> Any:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(os, function, fail)
        try:
            write_atomically(path, "new")
        except type(error):
            assert path.read_text() == "old"
        else:
            assert path.read_text() == "new"  # this function is not used
    assert entries(tmp_path) == ["f"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    write_atomically(path, "new")
    assert path.read_text() == "new"


def test_data_is_synced_before_the_file_is_moved_into_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, events = tmp_path / "f", []
    sync, replace = os.fsync, os.replace

    def note_sync(descriptor: int) -> None:
        events.append("sync" if os.fstat(descriptor).st_size == 3 else "too early")
        sync(descriptor)

    def note_replace(*args: Any, **named: Any) -> None:
        events.append("replace")
        replace(*args, **named)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "replace", note_replace)
    write_atomically(path, "new")
    assert events[:2] == ["sync", "replace"]


def test_a_killed_process_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("old")
    code = """
import os, sys
from engine.files import write_atomically
os.fsync = lambda descriptor: os.kill(os.getpid(), 9)
write_atomically(sys.argv[1], "new" * 100_000)
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.run([sys.executable, "-c", code, str(path)], env=environment, check=False)
    assert process.returncode != 0
    assert path.read_text() == "old"


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
@pytest.mark.parametrize("mode", [0o600, 0o644, 0o664, 0o755, 0o400])
def test_permissions_of_the_old_file_are_kept(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "f"
    path.write_text("old")
    path.chmod(mode)
    write_atomically(path, "new")
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert path.read_text() == "new"


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_a_new_file_has_the_permissions_of_any_new_file(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        write_atomically(tmp_path / "f", "new")
        (tmp_path / "g").write_text("new")
        assert os.umask(mask) == mask
    finally:
        os.umask(before)
    assert (tmp_path / "f").stat().st_mode == (tmp_path / "g").stat().st_mode


@pytest.mark.skipif(os.name != "posix", reason="links are POSIX's")
def test_a_link_stays_a_link_and_its_target_is_written(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    write_atomically(link, "new")
    assert link.is_symlink()
    assert target.read_text() == link.read_text() == "new"


def test_errors_are_those_of_the_file_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "missing" / "f", "x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):
        write_atomically(tmp_path / "folder", "x")
    with pytest.raises((NotADirectoryError, FileExistsError)):
        (tmp_path / "file").write_text("x")
        write_atomically(tmp_path / "file" / "f", "x")
    assert entries(tmp_path) == ["file", "folder"]


@pytest.mark.parametrize("wrong", [None, 3, ["x"]])
def test_data_is_bytes_or_text(tmp_path: Path, wrong: Any) -> None:
    with pytest.raises(TypeError):
        write_atomically(tmp_path / "f", wrong)
    assert entries(tmp_path) == []


def test_text_that_utf_8_cannot_write_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(UnicodeEncodeError):
        write_atomically(tmp_path / "f", "\ud800")
    assert entries(tmp_path) == []


def test_of_writers_at_one_time_one_wins_whole(tmp_path: Path) -> None:
    path = tmp_path / "f"
    texts = [letter * 20_000 for letter in "abcd"]
    write_atomically(path, texts[0])
    seen: set[str] = set()

    def write(text: str) -> None:
        for _ in range(25):
            write_atomically(path, text)

    threads = [threading.Thread(target=write, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        seen.add(path.read_text())
    assert seen <= set(texts)
    assert entries(tmp_path) == ["f"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_what_is_no_file_takes_the_data_and_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    link = tmp_path / "link"
    link.symlink_to(pipe)
    for path in (pipe, link):
        read: list[bytes] = []
        reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))  # noqa: B023
        reader.start()
        assert write_atomically(path, b"x" * 300_000) == path
        reader.join(20)
        assert read == [b"x" * 300_000]
        assert pipe.is_fifo()
        assert link.is_symlink()
    assert entries(tmp_path) == ["link", "pipe"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux has it")  # noqa: PTH110
def test_a_device_behind_a_link_stays_a_device(tmp_path: Path) -> None:
    null, full = tmp_path / "null", tmp_path / "full"
    null.symlink_to("/dev/null")
    full.symlink_to("/dev/full")
    write_atomically(null, "x")
    with pytest.raises(OSError, match="No space left") as error:
        write_atomically(full, "x")
    assert error.value.filename == str(full)
    assert null.is_symlink()
    assert full.is_symlink()
    assert Path("/dev/null").is_char_device()
    assert Path("/dev/full").is_char_device()
    assert entries(tmp_path) == ["full", "null"]


def test_an_error_names_the_path_that_was_given(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "round").symlink_to("round")
    for path in (tmp_path / "missing" / "f", tmp_path / "folder", tmp_path / "round"):
        with pytest.raises(OSError, match=r".") as error:
            write_atomically(path, "x")
        assert (error.value.filename, error.value.filename2) == (str(path), None)
        assert str(error.value).endswith(f": {str(path)!r}")
        assert ".gradpath-" not in str(error.value)
    assert entries(tmp_path) == ["folder", "round"]
