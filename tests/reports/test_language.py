"""What people are told in their language: no sentence is missing, and none says another thing."""

import io
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.catalog import Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from ordermonit.configuration import Language
from ordermonit.health.outlook import outlook
from ordermonit.health.troubles import record_problems
from ordermonit.language import ENGLISH, LOCALE, _, ngettext, speaking
from ordermonit.orders.journey import Rules
from ordermonit.orders.model import Reason, Record, Status
from ordermonit.orders.rest import rests
from ordermonit.shops import COMMANDS
from tests.parts.inbox import Hook
from tests.parts.world import World
from tests.reports.conftest import AlertTo
from tests.wings import PROGRAM

#: `make words` calls pybabel with the same.
KEYWORDS = DEFAULT_KEYWORDS | {"later": None}

OTHERS = [language for language in Language if language != ENGLISH]

Sentences = tuple[str, ...]


def sentences(found: str | list[str] | tuple[str, ...]) -> Sentences:
    """As a sentence stands in the program or a file: one, or one for each plural."""
    return (found,) if isinstance(found, str) else tuple(found)


@pytest.fixture(scope="module")
def extracted() -> set[Sentences]:
    """Every sentence of the program."""
    found = extract_from_dir(str(PROGRAM), keywords=KEYWORDS)
    return {sentences(message) for _file, _line, message, _comments, _context in found}


def file_of(language: str) -> Path:
    """The translations into it."""
    return LOCALE / language / "LC_MESSAGES" / "ordermonit.po"


def translated(language: str) -> Iterator[tuple[Message, Sentences, Sentences]]:
    """Each of them, with the sentences and what they are there."""
    with file_of(language).open("rb") as file:
        catalog = read_po(file)
    assert not catalog.obsolete, "type: make words"
    for message in catalog:
        if message.id:
            yield message, sentences(message.id), sentences(message.string or "")


def marks(sentence: str) -> list[str]:
    """What is the same in every language: values, commands, keys, and names of files."""
    values = [f"{{{name}}}" for _text, name, _format, _kind in Formatter().parse(sentence) if name]
    commands = rf"\bordermonit (?:{'|'.join(COMMANDS)})\b(?: --[a-z-]+)*|\bsystemctl [a-z .-]+"
    typed = re.findall(commands, sentence)
    return sorted(
        {*values, *typed, *re.findall(r"\b\w+(?:_\w+)+\b|\b\w+\.yml\b|\bHEAD\b", sentence)}
    )


def test_each_language_of_process_yml_has_its_translations() -> None:
    assert Language.EN == ENGLISH
    assert {place.name for place in LOCALE.iterdir()} == {*OTHERS}


@pytest.mark.parametrize("language", OTHERS)
def test_no_sentence_is_missing_or_left_over(language: str, extracted: set[Sentences]) -> None:
    there = {english: said for message, english, said in translated(language)}
    assert len(extracted) > 30
    assert there.keys() == extracted, "type: make words"
    assert [english for english, said in there.items() if not all(said)] == []
    assert not any(message.fuzzy for message, _english, _said in translated(language))


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_has_the_values_the_commands_and_the_keys_of_its_sentence(
    language: str,
) -> None:
    for _message, english, said in translated(language):
        for at, each in enumerate(said):
            assert marks(each) == marks(english[min(at, len(english) - 1)]), each
        assert not any("'" in each for each in said), "it is no English"


@pytest.mark.parametrize("language", OTHERS)
def test_what_is_read_is_what_was_compiled_last(language: str) -> None:
    compiled = io.BytesIO()
    with file_of(language).open("rb") as file:
        write_mo(compiled, read_po(file))
    assert file_of(language).with_suffix(".mo").read_bytes() == compiled.getvalue(), (
        "type: make words"
    )


def test_within_its_block_alone_another_language_is_spoken() -> None:
    def said() -> Iterable[str]:
        yield _("down for {span}", span="3 h")
        for number in (1, 2):
            yield ngettext("{number} order given up", "{number} orders given up", number)
        yield _("no answer")

    english = ["down for 3 h", "1 order given up", "2 orders given up", "no answer"]
    assert [*said()] == english
    with speaking(Language.PT_BR):
        portuguese = ["fora do ar há 3 h", "1 pedido abandonado", "2 pedidos abandonados"]
        assert [*said()] == [*portuguese, "sem resposta"]
        with speaking(Language.EN):
            assert [*said()] == english
        assert _("a sentence that nobody knows") == "a sentence that nobody knows"
    with speaking("tlh"):
        assert [*said()] == english, "news in the wrong language is better than none"


class _Texts(HTMLParser):
    """What a page says, text by text."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(file.read_text())

    def handle_data(self, data: str) -> None:
        self.found.add(data.strip())


def english_in(page: Path) -> set[str]:
    """The sentences of a page that are translated, and stand there as they were."""
    texts = _Texts(page).found
    assert len(texts) > 10
    return {
        text
        for _message, english, said in translated(Language.PT_BR)
        for one, other in zip(english, said, strict=True)
        for text in texts
        if one != other and re.fullmatch(re.sub(r"\\{\w+\\}", ".+", re.escape(one)), text)
    }


def test_what_comes_next_is_one_sentence_in_the_language() -> None:
    begun = datetime(2026, 1, 31, tzinfo=UTC)
    record = Record(1, "77", Status.FAILED, Reason.REJECTED, begun, begun, 1)
    rules = Rules(
        max_attempts=4,
        follow_all=False,
        authorized_states=frozenset({"authorized"}),
        closed_states=frozenset(),
        ignored_states=frozenset(),
        asks_payment=False,
        verify_within=600,
        task_timeout=300,
        retry_wait=(3600.0, 3600.0),
        min_order_age=60,
    )
    with speaking(Language.PT_BR):
        assert outlook(record, rules, (), begun).what == (
            "foi recusado; o primeiro ciclo depois de 2026-01-31T01:00:00Z (retry_wait) o insere"
            " (tentativa 2 de 4); se já estiver no Abacos, a tarefa avisa"
        )
        [problem] = record_problems([record], rests([record], rules, begun))
        assert problem.what == "1 pedido rejeitado (77)"
        assert problem.remedy == (
            "A próxima tentativa não vem antes de 2026-01-31T01:00:00Z (retry_wait)"
        )


def test_alerts_page_and_report_come_in_the_language_and_the_log_stays_as_it_is(
    world: World, alert_to: AlertTo, hook: Hook
) -> None:
    alert_to()
    page = world.home / "index.html"
    world.configure("process", language="pt_BR", status_page=str(page))
    world.configure("service", max_attempts=1)
    [number] = world.front.add_many(1, "authorized")
    world.abacos.behave("reject", [number])
    run = world.cycle()
    (alert,) = hook.posts
    assert alert["title"].endswith(": 1 pedido abandonado")
    head, typed, order = alert["message"].split("\n")
    assert head == "1 pedido foi abandonado e não será tentado de novo sem que alguém peça."
    assert typed == f"Elimine a causa e depois digite: ordermonit retry {number}"
    assert order.startswith(f"- pedido {number}: ")
    assert f"order {number}: given up after 1 attempts" in run.stderr
    assert english_in(page) == set()
    assert '<html lang="pt-BR"' in page.read_text()
    assert "Situação de ordermonit" in page.read_text()
    assert f"1 pedido abandonado ({number})" in page.read_text()

    report = world.home / "report.html"
    assert world.run("report", "--html", str(report)).exit_code == 0
    assert english_in(report) == set()
    assert "Relatório de ordermonit" in report.read_text()
    assert "Relatório de ordermonit" in world.run("report").stdout
    assert "nothing by itself" in world.run("report", "--json").json()["open"][0]["next"]

    hook.posts.clear()
    assert world.run("alert", "--test").exit_code == 0
    assert [title.partition(": ")[2] for title in hook.titles] == [
        "um teste",
        "um teste, o mais longo possível",
    ]
