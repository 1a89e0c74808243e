"""What database servers say of plans and rights. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence

#: What MySQL's SHOW GRANTS calls the rights to change something.
_CHANGING = frozenset({"ALL", "INSERT", "UPDATE", "DELETE", "DROP", "ALTER", "CREATE"})

_GRANT = re.compile(r"GRANT (?P<rights>.+?) ON (?:TABLE )?(?P<where>\S+) TO ")
_COLUMNS = re.compile(r"\([^)]*\)")

#: What MySQL says instead of a plan when it has the answer already, as for an empty table.
_NO_READ = ("Impossible", "no matching row", "optimized away", "const row not found")


def plan_problem(dialect: str, rows: Sequence[Mapping[str, object]]) -> str | None:
    """What is wrong with the plan of the keyset read (EXPLAIN's rows), None if the index leads it.

    Raises ValueError for a server whose plans are not known.
    """
    match dialect:
        case "mysql" | "mariadb":
            extra = " ".join(str(row.get("Extra") or "") for row in rows)
            if any(word in extra for word in _NO_READ):
                return None
            whole = any(row.get("key") is None for row in rows)
            sorts = "filesort" in extra
        case "postgresql":
            text = _text(rows)
            whole, sorts = "Seq Scan" in text, "Sort" in text
        case "sqlite":
            text = _text(rows)
            whole, sorts = "SEARCH" not in text, "TEMP B-TREE" in text
        case _:
            raise ValueError(f"the plans of {dialect} are not known here")
    if whole:
        return "reads the whole table"
    return "sorts what it reads" if sorts else None


#: Types of columns that hold whole numbers, as servers name them in lower case.
_WHOLE = re.compile(
    r"(big|small|medium|tiny)?(int|integer|serial)[0-9]?\b|(decimal|numeric)\([0-9]+(,0)?\)"
)
_ROUNDED = re.compile(r"decimal|numeric|double|float|real|money")


def key_problem(type: str) -> str | None:
    """What is wrong with a column of this type as the key, None if nothing is."""
    return None if _WHOLE.match(type) else f"is {type}, not a whole number"


def number_problem(type: str) -> str | None:
    """What is wrong with a column of this type for orders' numbers, None if nothing is."""
    if _ROUNDED.match(type) and not _WHOLE.match(type):
        return f"is {type}, which keeps no number as it was typed"
    return None


def _text(rows: Sequence[Mapping[str, object]]) -> str:
    return "\n".join(str(value) for row in rows for value in row.values())


def changing_rights(grants: Iterable[str], database: str, table: str) -> list[str]:
    """The rights to change this table, by the lines of MySQL's SHOW GRANTS."""
    found: set[str] = set()
    for line in grants:
        grant = _GRANT.match(line)
        if grant and _covers(grant["where"], database, table):
            rights = _COLUMNS.sub("", grant["rights"]).split(",")
            found |= {right.strip().removesuffix(" PRIVILEGES") for right in rights}
    return sorted(found & _CHANGING)


def _covers(where: str, database: str, table: str) -> bool:
    scope, _, name = where.replace("`", "").rpartition(".")
    return name in ("*", table) and (scope == "*" or bool(_like(scope).fullmatch(database)))


def _like(pattern: str) -> re.Pattern[str]:
    """MySQL's pattern of a database's name: _ and % stand for others unless escaped."""
    signs = {"%": ".*", "_": "."}
    parts = re.findall(r"\\.|.", pattern)
    return re.compile("".join(signs.get(part) or re.escape(part[-1]) for part in parts))
