"""The report as one HTML file without any outside reference."""

from xml.etree.ElementTree import Element

from ordermonit.times import spoken
from ordermonit.views import words
from ordermonit.views.digest import Waits
from ordermonit.views.markup import Inside, filled, moment, number, page, table, tag
from ordermonit.views.plots import columns
from ordermonit.views.report import Report, local

#: As many rows of open orders and of outages are shown.
MOST_ROWS = 500


def html(report: Report) -> bytes:
    """The whole file."""
    title = words.REPORT.format(app_name=report.source.app_name)
    return page(
        title,
        tag("h1", title),
        *_head(report),
        _sums(report),
        *_section(words.OPEN, _open(report)),
        *_section(words.WAITS, _waits(report)),
        *_section(words.BY_DAY if report.is_long else words.BY_HOUR, _by_time(report)),
        *_section(words.BY_HOUR_OF_DAY, _by_hour_of_day(report)),
        *_section(words.BY_REASON, _reasons(report)),
        *_section(words.OUTAGES, _outages(report)),
        *_section(words.ERRORS, _errors(report)),
    )


def _head(report: Report) -> list[Element]:
    source = report.source
    span = filled(words.SPAN, since=moment(source.since), until=moment(source.until))
    written = filled(words.WRITTEN, at=moment(source.at))
    found = [tag("p", *span, " ", *written, class_="soft")]
    found += [tag("p", each) for each in source.notes]
    if source.known_from is not None and source.begins_late:
        found.append(tag("p", *filled(words.KNOWN_FROM, moment=moment(source.known_from))))
    return found


def _section(heading: str, parts: list[Element]) -> list[Element]:
    return [tag("h2", heading), *parts]


def _sums(report: Report) -> Element:
    return tag(
        "dl",
        *(
            tag("div", tag("dt", words.SUMS[name]), tag("dd", f"{count:,}"))
            for name, count in report.sums.items()
        ),
        class_="facts",
    )


def _open(report: Report) -> list[Element]:
    if not report.open:
        return [tag("p", words.NONE_OPEN)]
    columns = [words.ORDER, words.STATUS, words.REASON, words.SINCE, words.WHAT_NEXT]
    rows: list[list[Inside]] = [
        [
            each.name,
            each.status,
            tag("td", each.why, class_="error"),
            moment(each.since),
            each.next,
        ]
        for each in report.open[:MOST_ROWS]
    ]
    found = [table(words.OPEN, columns, rows)]
    more = len(report.open) - MOST_ROWS
    if more > 0:
        found.append(tag("p", words.MORE_OPEN.format(count=more)))
    return found


def _waits(report: Report) -> list[Element]:
    digest = report.digest
    rows: list[list[Inside]] = [
        [name, number(waits.count), *(number(each, spoken(each)) for each in _spans(waits))]
        for name, waits in (
            (words.WAITS_ALL, digest.waits),
            (words.WAITS_FALLEN, digest.waits_of_fallen),
        )
        if waits is not None
    ]
    if not rows:
        return [tag("p", words.NO_WAITS)]
    columns = [words.WHICH, words.ORDERS, words.MEDIAN, words.MOST, words.LONGEST]
    return [table(words.WAITS_NOTE, columns, rows, sorts=False)]


def _spans(waits: Waits) -> tuple[float, float, float]:
    return waits.median, waits.most, waits.longest


def _by_time(report: Report) -> list[Element]:
    if not report.hours:
        return [tag("p", words.NO_HOURS)]
    plots = columns(report.course)
    zone = words.ZONE.format(zone=f"{report.source.at.astimezone():%Z}")
    heads = [words.HOUR, words.SEEN, words.FALLEN]
    rows: list[list[Inside]] = [
        [moment(at), number(hour.seen), number(hour.fallen)] for at, hour in report.hours
    ]
    each = tag("details", tag("summary", words.EACH_HOUR), table(words.EACH_HOUR, heads, rows))
    return [*plots, tag("p", zone, class_="soft"), each]


def _by_hour_of_day(report: Report) -> list[Element]:
    if not report.hours:
        return [tag("p", words.NO_HOURS)]
    return columns({f"{at}:00": hour for at, hour in enumerate(report.hours_of_day)})


def _reasons(report: Report) -> list[Element]:
    if not report.digest.reasons:
        return [tag("p", words.NO_REASONS)]
    rows: list[list[Inside]] = [
        [reason, words.REASONS[reason], number(count)] for reason, count in report.digest.reasons
    ]
    return [table(words.BY_REASON, [words.REASON, words.MEANING, words.ORDERS], rows)]


def _outages(report: Report) -> list[Element]:
    outages = report.digest.outages
    if not outages:
        return [tag("p", words.NO_OUTAGES)]
    rows: list[list[Inside]] = []
    for each in reversed(outages):
        lasted = report.lasted(each.begun, each.ended)
        rows.append(
            [
                moment(local(each.begun)),
                words.NOT_OVER if each.ended is None else moment(local(each.ended)),
                number(lasted, spoken(lasted)),
                tag("td", each.error, class_="error"),
            ]
        )
    found = [
        table(words.OUTAGES, [words.SINCE, words.UNTIL, words.LASTED, words.ERROR], rows),
    ]
    more = report.digest.outage_count - len(outages)
    if more:
        found.append(tag("p", words.MORE_OUTAGES.format(count=more)))
    return found


def _errors(report: Report) -> list[Element]:
    if not report.digest.errors:
        return [tag("p", words.NO_ERRORS)]
    rows: list[list[Inside]] = [
        [number(times), tag("td", error, class_="error")] for error, times in report.digest.errors
    ]
    return [table(words.ERRORS, [words.TIMES, words.ERROR], rows)]
