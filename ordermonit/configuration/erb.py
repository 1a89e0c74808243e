"""ERB in the shop's database.yml: plain look-ups are read, and none of it is run.

Rails renders the file before it reads YAML. Here each `<%= … %>` is sealed into a scalar that no
YAML trips over, and opened only where its key is needed.
"""

import re
import shlex
from collections.abc import Callable, Mapping
from typing import Any

from ordermonit.configuration.kinds import Kind
from ordermonit.configuration.problems import Place
from ordermonit.configuration.settings import Node
from ordermonit.configuration.variables import Variables

#: A variable's value; None where it is not set.
Look = Callable[[str], str | None]

#: A value, or None with the variables that would have given one.
_Found = tuple[str | None, tuple[str, ...]]

_TAG = re.compile(rb"<%(?!%)(?P<sign>[=#]?)(?P<code>.*?)-?%>", re.DOTALL)
_SEALED = re.compile(r"<%=([0-9a-f]*)%>")
_ALONE = re.compile(rb"^[ \t]*<%=[0-9a-f]*%>[ \t]*$", re.MULTILINE)
_WORD = re.compile(rb"[-\s]*(if|unless|else|elsif|end|case|when|while|for|begin|require)\b")

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'[^'\\]*'|\"[^\"\\#]*\")|(?P<number>-?[0-9][0-9_]*)"
    r"|(?P<sign>\|\||[\[\](){},])|(?P<word>\.?[A-Za-z_][A-Za-z0-9_]*))"
)


class Ruby(Exception):
    """More than a look-up: only Ruby knows the value."""


class Statement(Exception):
    """A line of Ruby that decides which lines of the file count; `line` counts from 1."""

    def __init__(self, line: int, word: str = "") -> None:
        super().__init__(line, word)
        self.line = line
        self.shown = f"<% {word} … %>" if word else "<% … %>"


class Unset(Exception):
    """A look-up of variables that are not set, and that has no default."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(*names)
        self.names = names


class Templates:
    """Opens the values of keys, and says at its place what can't be opened."""

    def __init__(self, variables: Variables, ways_out: str) -> None:
        self._variables = variables
        self._ways_out = ways_out

    def opened(
        self, values: dict[Any, Any], kinds: Mapping[str, Kind], place: Place
    ) -> dict[Any, Any]:
        """The values, without those about which a problem was said."""
        found = {}
        for name, value in values.items():
            try:
                found[name] = _typed(self._deep(value), kinds.get(name))
            except Unset as unset:
                place.at(name).say(self._not_set(unset.names, name))
            except Ruby:
                place.at(name).say(
                    "found Ruby (<%= … %>), expected a plain value or a look-up such as"
                    f" <%= ENV['NAME'] %>. {self._ways_out}"
                )
        return found

    def _deep(self, value: object) -> object:
        if isinstance(value, str):
            return opened(value, self._variables) if "<%=" in value else value
        if isinstance(value, dict):
            return {name: self._deep(each) for name, each in value.items()}
        if isinstance(value, list):
            return [self._deep(each) for each in value]
        return value

    def _not_set(self, names: tuple[str, ...], key: object) -> str:
        who = f"the variable {names[0]} is" if len(names) == 1 else f"none of {', '.join(names)} is"
        credential = ", or the systemd credential database_password" if key == "password" else ""
        return (
            f"{who} not set; expected the line {names[0]}=value in {self._variables.file} (nothing"
            f" after = for no value){credential}"
        )


def _typed(value: object, kind: Kind | None) -> object:
    """A look-up's text as YAML would have read it, where the key takes no text."""
    if value == "":
        return None
    if isinstance(value, str) and kind is not None and not kind.takes(value):
        for number in (int, float):
            try:
                return number(value)
            except ValueError:
                pass
    return value


def ways_out(node: Node | None, environment: str) -> str:
    """What to do about Ruby in the file."""
    runner = "puts Rails.configuration.database_configuration.to_yaml"
    if node is None:
        where, root = "NODE", "RAILS_ROOT"
    else:
        port = "" if node.port == 22 else f"-p {node.port} "
        where, root = f"{port}{node.username}@{node.host}", shlex.quote(node.rails_root)
    render = f'cd {root} && RAILS_ENV={environment} bundle exec rails runner "{runner}"'
    return (
        "No Ruby runs here: write a database.yml of your own with plain values, or put here what"
        f" this prints: ssh {where} {shlex.quote(render)}"
    )


def sealed(data: bytes) -> bytes:
    """The file as YAML can read it. Raises Statement for a line of Ruby that is no value."""

    def seal(tag: re.Match[bytes]) -> bytes:
        if tag["sign"] == b"#":
            return b""
        if tag["sign"] == b"=":
            return b"<%%=%s%%>" % tag["code"].strip().hex().encode()
        word = _WORD.match(tag["code"])
        raise Statement(_line(data, tag.start()), word[1].decode() if word else "")

    return _TAG.sub(seal, data)


def refuse_alone(data: bytes) -> None:
    """Raises Statement for a value that has a line of its own: what it renders is more YAML."""
    alone = _ALONE.search(data)
    if alone is not None:
        raise Statement(_line(data, alone.start() + 1))


def _line(data: bytes, at: int) -> int:
    return data.count(b"\n", 0, at) + 1


def opened(text: str, look: Look) -> str | None:
    """A sealed value with its look-ups done; None for nil. Raises Ruby and Unset."""
    whole = _SEALED.fullmatch(text)
    if whole is not None:
        return _value(whole[1], look)
    return _SEALED.sub(lambda tag: _value(tag[1], look) or "", text)


def _value(code: str, look: Look) -> str | None:
    value, unset = _Reader(bytes.fromhex(code).decode(), look).read()
    if value is None and unset:
        raise Unset(unset)
    return value


class _Reader:
    """Reads look-ups, literals, and `||` between them."""

    def __init__(self, code: str, look: Look) -> None:
        self._look = look
        self._tokens: list[str] = []
        at = 0
        while at < len(code):
            token = _TOKEN.match(code, at)
            if token is None:
                raise Ruby
            self._tokens.append(token[0].strip())
            at = token.end()

    def read(self) -> _Found:
        """All of it."""
        found = self._either()
        if self._tokens:
            raise Ruby
        return found

    def _either(self) -> _Found:
        value, unset = self._one()
        while self._takes("||"):
            other, more = self._one()
            if value is None:
                value, unset = other, (*unset, *more) if more else ()
        return value, unset

    def _one(self) -> _Found:
        token = self._next()
        if token[0] in "'\"":
            found: _Found = (token[1:-1], ())
        elif token == "ENV":
            found = self._variable()
        elif token == "Rails" and self._takes(".env"):
            found = self._looked_up("RAILS_ENV")
        elif token == "nil":
            found = None, ()
        elif token[-1].isdecimal() or token in ("true", "false"):
            found = token.replace("_", ""), ()
        else:
            raise Ruby
        return self._turned(found)

    def _turned(self, found: _Found) -> _Found:
        while True:
            if self._takes(".presence"):
                found = found[0] or None, found[1]
            elif not (self._takes(".to_s") or self._takes(".to_i")):
                return found

    def _variable(self) -> _Found:
        if self._takes("["):
            found = self._looked_up(self._name())
            self._expect("]")
            return found
        self._expect(".fetch")
        self._expect("(")
        found = self._looked_up(self._name())
        default = self._either() if self._takes(",") else None
        self._expect(")")
        if self._takes("{"):
            default = self._either()
            self._expect("}")
        return found if found[0] is not None or default is None else default

    def _looked_up(self, name: str) -> _Found:
        value = self._look(name)
        return value, (name,) if value is None else ()

    def _name(self) -> str:
        token = self._next()
        if token[0] not in "'\"":
            raise Ruby
        return token[1:-1]

    def _next(self) -> str:
        if not self._tokens:
            raise Ruby
        return self._tokens.pop(0)

    def _takes(self, sign: str) -> bool:
        if self._tokens[:1] != [sign]:
            return False
        self._tokens.pop(0)
        return True

    def _expect(self, sign: str) -> None:
        if not self._takes(sign):
            raise Ruby
