"""The translations are compiled before they are packed: pyproject.toml names this to setuptools."""

from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from setuptools.command.build_py import build_py


class Build(build_py):  # type: ignore[misc]  # setuptools tells no types
    """Beside each `.po` its `.mo`, in the clone too, which an editable install runs from."""

    def run(self) -> None:
        """Compile, then go on as ever."""
        for source in Path("ordermonit/locale").glob("*/LC_MESSAGES/*.po"):
            with source.open("rb") as text, source.with_suffix(".mo").open("wb") as compiled:
                write_mo(compiled, read_po(text))
        super().run()
