"""Damage, made from a seed: to tokens, to lines, to bytes. What it starts from is well-formed, so
that the readers are reached behind their first check."""

import random
from collections.abc import Callable, Sequence

ODD_TOKENS = (
    "",
    "-",
    "?",
    "0",
    "-1",
    "1",
    "00",
    "+5",
    "1_0",
    "1e3",
    "0x1f",
    "NaN",
    "inf",
    "-inf",
    "9" * 18,
    "9" * 19,
    "9" * 20,
    "9" * 5000,
    "9223372036854775808",
    "\u0661\u0662",
    "null",
    "true",
    "us",
    "SUCCESS",
    "EXHAUSTED",
    "PAYMENT_PENDING",
    "success",
    "OK",
    "UNKNOWN",
    "insert_order",
    "rm_-rf",
    "^HEAD",
    "^GAP",
    "^VERSION",
    "\x00",
    "\u2028",
    "\x85",
    "\ufeff",
    "\r",
    "\t",
    "\u00e9\u00e7\u00e3o",
    "'",
    '"',
    '"a"',
    '"a\\u0020b"',
    '"\\ud800"',
    "[" * 3000,
    "{}",
    "a" * 70,
    "1;reboot",
    "$(reboot)",
    "#{exit}",
    "01/01/0001-00:00:00",
    "31/02/2012-10:00:00",
    "31/12/9999-23:59:59",
    "0001-01-01T00:00:00Z",
    "1969-12-31T23:59:59Z",
    "2026-02-30T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "2026-01-01T00:00:00+00:00",
    "20260101T00000000000Z",
)

Random = random.Random
Damage = Callable[[Random, bytes], bytes]


def odd_column(chance: Random, text: bytes) -> bytes:
    """One column of one line becomes odd."""
    lines = text.decode().split("\n")
    at = chance.randrange(len(lines))
    columns = lines[at].split(" ")
    columns[chance.randrange(len(columns))] = chance.choice(ODD_TOKENS)
    lines[at] = " ".join(columns)
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def odd_columns(chance: Random, text: bytes) -> bytes:
    """A column more or less."""
    lines = text.decode().split("\n")
    at = chance.randrange(len(lines))
    columns = lines[at].split(" ")
    where = chance.randrange(len(columns))
    if chance.random() < 0.5:
        columns.insert(where, chance.choice(ODD_TOKENS))
    else:
        del columns[where]
    lines[at] = " ".join(columns)
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def odd_lines(chance: Random, text: bytes) -> bytes:
    """A line is doubled, lost, moved, or put in."""
    lines = text.split(b"\n")
    at, to = chance.randrange(len(lines)), chance.randrange(len(lines))
    match chance.randrange(4):
        case 0:
            lines.insert(to, lines[at])
        case 1:
            del lines[at]
        case 2:
            lines[at], lines[to] = lines[to], lines[at]
        case _:
            lines.insert(at, chance.choice(ODD_TOKENS).encode("utf-8", "surrogatepass"))
    return b"\n".join(lines)


def cut(chance: Random, text: bytes) -> bytes:
    """The end is missing."""
    return text[: chance.randrange(len(text) + 1)]


def flipped(chance: Random, text: bytes) -> bytes:
    """A few bits are wrong."""
    damaged = bytearray(text)
    for _ in range(chance.randint(1, 4)):
        damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
    return bytes(damaged)


def zeroed(chance: Random, text: bytes) -> bytes:
    """A block that was never written, as after a power cut."""
    begin = chance.randrange(len(text))
    end = chance.randint(begin, len(text))
    return text[:begin] + bytes(end - begin) + text[end:]


def other_ends(chance: Random, text: bytes) -> bytes:
    """Somebody's editor has saved it."""
    return chance.choice(
        (
            text.replace(b"\n", b"\r\n"),
            b"\xef\xbb\xbf" + text,
            text + b"\n",
            text.rstrip(b"\n"),
            text.replace(b" ", b"\t"),
            text.replace(b" ", b"  "),
            text.decode("utf-8", "replace").encode("utf-16"),
        )
    )


def spliced(chance: Random, text: bytes, other: bytes) -> bytes:
    """The beginning of one file and the end of another."""
    return text[: chance.randrange(len(text) + 1)] + other[chance.randrange(len(other) + 1) :]


BY_LINE: Sequence[Damage] = (odd_column, odd_columns, odd_lines)
BY_BYTE: Sequence[Damage] = (cut, flipped, zeroed, other_ends)


def damaged(chance: Random, text: bytes, ways: Sequence[Damage]) -> bytes:
    """One to three damages, one upon the other."""
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        if not text:
            break
        try:
            text = chance.choice(ways)(chance, text)
        except UnicodeDecodeError:
            text = flipped(chance, text)
    return text
