"""Words that others wrote, made harmless."""

from ordermonit.errors import ConfigurationError, Unavailable
from ordermonit.text import LONGEST_ERROR, LONGEST_QUOTE, one_line, quoted, visible


def test_a_text_becomes_one_line_of_bounded_length() -> None:
    assert one_line(" a\r\n\tb\x1b[31m\u2028 c\0 ") == "a b\ufffd[31m c\ufffd"
    assert one_line("/a  path/with   blanks") == "/a  path/with   blanks"
    assert one_line("caf\udce9 \u202e") == "caf\ufffd \ufffd"
    assert len(one_line("ã" * 5000)) == LONGEST_ERROR
    assert one_line("x" * LONGEST_ERROR) == "x" * LONGEST_ERROR
    assert one_line("abcdef", 4) == "abc…"


def test_what_is_odd_never_becomes_a_text_in_order() -> None:
    assert visible("10\n01") == "10\ufffd01"
    assert visible("10 01") == "10 01"


def test_a_quoted_value_shows_what_is_invisible_in_it() -> None:
    assert quoted("a\tb\x1b") == '"a\\tb\\x1b"'
    assert quoted("x" * LONGEST_QUOTE) == f'"{"x" * LONGEST_QUOTE}"'
    assert quoted("x" * (LONGEST_QUOTE + 1)) == f'"{"x" * LONGEST_QUOTE}…"'


def test_every_error_is_one_clean_line_of_bounded_length() -> None:
    said = Unavailable("gone:\n\x1b]0;owned\x07" + "!" * 90_000, "Look\nthere" + "!" * 90_000)
    for text in (str(said), said.message, said.remedy, said.in_one_line, *said.args):
        assert text.isprintable()
        assert len(text) < 6_000
    assert said.message.startswith("gone: \ufffd]0;owned\ufffd!!!")
    assert said.remedy.startswith("Look there!")


def test_several_problems_are_a_line_each() -> None:
    wrong = ConfigurationError(("a.yml: x\ny", "b.yml: \x1b"), "Correct them")
    assert wrong.lines == ("a.yml: x y", "b.yml: \ufffd")
    assert str(wrong) == "a.yml: x y\nb.yml: \ufffd. Correct them"
    assert wrong.in_one_line == "a.yml: x y; b.yml: \ufffd. Correct them"
