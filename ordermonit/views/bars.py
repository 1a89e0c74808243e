"""A column of characters for each value, as high as it is."""

_BARS = "▁▂▃▄▅▆▇█"


def bar(value: int, most: int, ascii_only: bool = False) -> str:
    """One character as high as the value; what is not 0 is seen."""
    if ascii_only:
        return "." if value <= 0 else str(min(9, -(-value * 9 // most)))
    if value <= 0:
        return "·"
    return _BARS[min(len(_BARS), -(-value * len(_BARS) // most)) - 1]
