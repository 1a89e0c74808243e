"""Who decides what is at a path, and how root types something about it."""

import os
from pathlib import Path

import pytest

from ordermonit import rights
from ordermonit.errors import StateError

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")

THEIRS = 4242


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """Somebody else's directory, in one of root's."""
    directory = tmp_path / "theirs"
    directory.mkdir()
    os.chown(directory, THEIRS, THEIRS)
    return directory


def test_who_owns_a_link_decides_and_roots_link_leaves_it_to_its_target(
    tmp_path: Path, theirs: Path
) -> None:
    led, ours = theirs / "led", tmp_path / "ours"
    led.symlink_to(tmp_path)
    os.chown(led, THEIRS, THEIRS, follow_symlinks=False)
    ours.symlink_to(theirs)
    found = [rights.owner(path) for path in (tmp_path, theirs, led, ours, theirs / "a" / "b")]
    assert found == [0, THEIRS, THEIRS, THEIRS, THEIRS]
    assert rights.owner(tmp_path / "missing") == 0


def test_what_is_typed_about_a_file_has_the_rights_of_who_may_put_a_link_there(
    tmp_path: Path, theirs: Path
) -> None:
    assert rights.as_owner(tmp_path / "file") == ""
    os.chown(theirs, 65534, 65534)
    assert rights.as_owner(theirs / "file") == "runuser -u nobody -- "


def test_rights_that_can_not_be_taken_on_end_the_command(
    theirs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_: int) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(rights, "become", refused)
    with pytest.raises(StateError, match=r"take on the rights of uid 4242.*not permitted"):
        rights.leave_root(theirs)
