"""Ids that HEAD passed while their rows were no orders yet: carts, say (`ignored_states`).

Such a row becomes an order when it leaves its state, however late. A shop may have a million that
never do; so each is one bit, and a look costs the database a count over some blocks of ids. The
newest blocks are looked at in every cycle; an older one the less often the more have come after it.
"""

import binascii
from collections.abc import Callable, Iterable, Iterator

#: Ids in one block: one line of the checkpoint, and what a look counts as a whole.
BLOCK = 4096

#: So many of the newest blocks are looked at in every cycle. The n-th newest is by chance, with
#: this in n: so in a shop that pauses in a beat of its own none is left out for ever.
ALWAYS = 2

#: How many ids, and the sum of their places in the block.
Count = tuple[int, int]

#: For each bit of a place in a block: the places that have it, as many in each run as lack it.
_PLACES = [
    ((1 << BLOCK) - 1) // ((1 << (1 << bit)) + 1) << (1 << bit)
    for bit in range(BLOCK.bit_length() - 1)
]


def block_of(id: int) -> int:
    """The first id of the block that this id is in."""
    return id - id % BLOCK


class Ignored:
    """A set of ids."""

    def __init__(self, ids: Iterable[int] = ()) -> None:
        self._blocks: dict[int, int] = {}
        for id in ids:
            self.add(id)

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._blocks)

    def __contains__(self, id: int) -> bool:
        """Whether this is one."""
        return bool(self._blocks.get(block_of(id), 0) >> id % BLOCK & 1)

    def __len__(self) -> int:
        """How many there are."""
        return sum(bits.bit_count() for bits in self._blocks.values())

    def add(self, id: int) -> None:
        """One more."""
        first = block_of(id)
        self._blocks[first] = self._blocks.get(first, 0) | 1 << id % BLOCK

    def discard(self, id: int) -> None:
        """Without this one."""
        first = block_of(id)
        bits = self._blocks.get(first, 0) & ~(1 << id % BLOCK)
        if bits:
            self._blocks[first] = bits
        else:
            self._blocks.pop(first, None)

    def until(self, last: int) -> "Ignored":
        """Those up to this id."""
        return Ignored(id for first in self._blocks for id in self.ids(first) if id <= last)

    def ids(self, first: int) -> set[int]:
        """Those of the block that begins with this id."""
        bits = self._blocks.get(first, 0)
        return {first + place for place in range(BLOCK) if bits >> place & 1}

    def count(self, first: int) -> Count:
        """The same as a number and a sum, as databases count them."""
        bits = self._blocks.get(first, 0)
        places = sum((bits & mask).bit_count() << bit for bit, mask in enumerate(_PLACES))
        return bits.bit_count(), places

    def due(self, chance: Callable[[], float]) -> list[int]:
        """The blocks of this cycle's look, ascending. `chance` is from 0 up to and without 1."""
        newest_first = sorted(self._blocks, reverse=True)
        picked = (
            first
            for nth, first in enumerate(newest_first, start=1)
            if nth <= ALWAYS or chance() * nth < ALWAYS
        )
        return sorted(picked)

    def lines(self) -> Iterator[tuple[int, str]]:
        """Each block's first id, and its ids as text without blanks."""
        for first, bits in self._blocks.items():
            data = bits.to_bytes(BLOCK // 8, "little").rstrip(b"\0")
            yield first, binascii.b2a_base64(data, newline=False).decode()

    def read(self, first: int, text: str) -> None:
        """Take a line's. Raises ValueError for what `lines` never says."""
        data = binascii.a2b_base64(text, strict_mode=True)
        if (
            first % BLOCK
            or first in self._blocks
            or not data
            or len(data) > BLOCK // 8
            or not data[-1]
        ):
            raise ValueError("ignored ids that can't be")
        self._blocks[first] = int.from_bytes(data, "little")
