"""What the journal's events come to."""

import io
import random
import statistics

from ordermonit.health.past import Told, entries
from ordermonit.orders.model import Reason
from ordermonit.state.directory import BUSY
from ordermonit.views.digest import Digest, Outage, without_numbers

HOUR = 3600.0


def digest(*events: Told) -> Digest:
    """All of them, to the end."""
    found = Digest()
    found.take(events)
    found.end()
    return found


def test_each_order_counts_once_in_the_hour_of_its_first_event() -> None:
    found = digest(
        Told(10, "ORDER_FOUND", 1, "OK", 4),
        Told(20, "ORDER_MISSING", 2, "NOT_FOUND"),
        Told(30, "ORDER_REJECTED", 2, "REJECTED", error="erro: pedido 2"),
        Told(HOUR + 10, "ORDER_INSERTED", 2, "OK", 0),
        Told(HOUR + 11, "PAYMENT_CONFIRMED", 2, "OK", 0),
        Told(HOUR + 13, "ORDER_INSERTED", 3, "OK", HOUR + 3),
        Told(HOUR + 14, "ORDER_FOUND", 1, "OK", 4),
        Told(HOUR + 15, "ORDER_EXHAUSTED", 4, "DIED", error="erro: pedido 4"),
    )
    assert {at: (hour.seen, hour.fallen) for at, hour in found.hours.items()} == {
        0: (2, 1),
        1: (2, 1),
    }
    kinds = (found.seen, found.fallen, found.inserted, found.confirmed, found.given_up)
    assert [len(each) for each in kinds] == [4, 2, 2, 1, 1]
    assert dict(found.reasons) == {Reason.REJECTED: 1, Reason.DIED: 1, Reason.NOT_FOUND: 1}
    assert found.errors == [("erro: pedido #", 2)]
    assert found.waits is not None
    assert found.waits_of_fallen is not None
    assert (found.waits.count, found.waits.median, found.waits.longest) == (3, 10, HOUR + 10)
    assert (found.waits_of_fallen.count, found.waits_of_fallen.median) == (2, 10)


def test_waits_are_exact() -> None:
    chance = random.Random(16)
    waits = [chance.expovariate(0.01) for _ in range(1001)]
    events = [Told(1e6 + wait, "ORDER_FOUND", at, "OK", 1e6) for at, wait in enumerate(waits)]
    found = digest(*events).waits
    assert found is not None
    assert round(found.median, 3) == round(statistics.median(waits), 3)
    assert round(found.most, 3) == round(sorted(waits)[950], 3)
    assert round(found.longest, 3) == round(max(waits), 3)
    assert digest().waits is None
    assert digest(Told(5, "ORDER_FOUND", 1, "OK", 9)).waits is not None, "clocks differ"


def test_an_outage_lasts_until_a_cycle_comes_to_its_end() -> None:
    found = digest(
        Told(0, "CYCLE_DONE"),
        Told(10, "DOWNTIME", error="Abacos is down"),
        Told(40, "UNAVAILABLE", error="Abacos is down (1)"),
        Told(70, "DOWNTIME", error="Abacos is down"),
        Told(75, "DOWNTIME_OVER"),
        Told(80, "CYCLE_DONE"),
        Told(85, "UNAVAILABLE", error=f"{BUSY} /state"),
        Told(90, "CONFIGURATION_WRONG", error="service.yml: 2 is wrong"),
    )
    assert found.outages == [
        Outage(10, 75, "Abacos is down"),
        Outage(90, None, "service.yml: 2 is wrong"),
    ]
    assert (found.outage_count, found.cycles, found.failed_cycles) == (2, 4, 2)


def test_what_others_wrote_into_the_journal_does_no_harm() -> None:
    found = digest(
        Told(0, "ORDER_REJECTED", 1, "NO_SUCH_REASON", error="x"),
        Told(0, "NO_SUCH_EVENT", -5, "OK"),
        *(Told(0, "ORDER_REJECTED", 1, "REJECTED", error="é" * at) for at in range(5000)),
        *(Told(0, "ORDER_REJECTED", 1, "REJECTED", error="often") for _ in range(3)),
    )
    assert len(found.seen) == 2
    assert found.errors[0] == ("often", 3)


def test_numbers_are_taken_out_of_errors() -> None:
    assert without_numbers("CPF 123.456.789-00 de 2026-01-31, pedido:1001") == (
        "CPF # de #, pedido:#"
    )


def test_an_entry_of_the_journal_may_have_any_bytes() -> None:
    odd = b"a=b\n\n\xff"
    text = (
        b"__REALTIME_TIMESTAMP=1\nERROR\n%b%b\nORDER_ID=7\n\n__REALTIME_TIMESTAMP=2\nERROR=x=y\n\n"
        % (len(odd).to_bytes(8, "little"), odd)
    )
    first, second = entries(io.BytesIO(text))
    assert (first[b"ERROR"], first[b"ORDER_ID"], second[b"ERROR"]) == (odd, b"7", b"x=y")
