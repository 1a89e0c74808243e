"""Every sentence of the report and of the status page, whole, with named places to fill."""

from ordermonit.text import later

REPORT = later("Report of {app_name}")
SPAN = later("From {since} to {until}.")
WRITTEN = later("Written {at}.")
KNOWN_FROM = later(
    "The journal knows of it from {moment} on only: older entries are gone, or never were."
)
KNOWS_NOTHING = later("The journal has no entry of it: all that follows is from the checkpoint.")
PARTLY = later("There may be more than this report knows: {trouble}.")
ZONE = later("Hours and days are those of the zone {zone}.")

SEEN = later("orders seen")
FALLEN = later("fallen through")
INSERTED = later("inserted by us")
SUMS = {
    "seen": SEEN,
    "fallen_through": FALLEN,
    "inserted": INSERTED,
    "confirmed": later("payments confirmed"),
    "given_up": later("given up"),
    "cycles": later("cycles"),
    "failed_cycles": later("failed cycles"),
    "outages": later("outages"),
}

OPEN = later("Open now")
NONE_OPEN = later("No order is open.")
MORE_OPEN = later("{count} more are open. For all of them, type: ordermonit orders")
WAITS = later("How long orders waited until they were in Abacos")
WAITS_NOTE = later(
    "From the time that the Front has for the order until a cycle has seen that it is in Abacos."
)
NO_WAITS = later("The journal has no order's wait.")
WAITS_ALL = later("all orders")
WAITS_FALLEN = later("those that fell through")
MEDIAN = later("median")
MOST = later("95 %")
LONGEST = later("longest")
BY_HOUR = later("By hour")
BY_DAY = later("By day")
BY_HOUR_OF_DAY = later("By hour of the day")
EACH_HOUR = later("Each hour of the span")
NO_HOURS = later("No order was seen.")
BY_REASON = later("By what was in their way")
NO_REASONS = later("No order fell through.")
OUTAGES = later("Outages")
NO_OUTAGES = later("There was no outage.")
MORE_OUTAGES = later("{count} older ones are not shown.")
NOT_OVER = later("not over")
ERRORS = later("The most frequent errors, without their numbers")
NO_ERRORS = later("There was no error.")

ORDER = later("order")
ORDERS = later("orders")
STATUS = later("status")
REASON = later("reason")
MEANING = later("meaning")
WHICH = later("which")
SINCE = later("since")
UNTIL = later("until")
LASTED = later("lasted")
WHAT_NEXT = later("what comes next")
HOUR = later("hour")
TIMES = later("times")
ERROR = later("error")

REASONS = {
    "OK": later("nothing"),
    "NOT_FOUND": later("nothing: missing in Abacos, and inserted at once"),
    "REJECTED": later("Abacos rejected it"),
    "TIMEOUT": later("its task hung"),
    "DIED": later("its task ended the process that ran it"),
    "NOT_THERE": later("its task said done, and Abacos had nothing of it"),
    "UNKNOWN": later("its task ended without an answer"),
    "NOT_DUE": later("the node did not take it yet"),
    "INVALID_NUMBER": later("its number can't be sent"),
    "NUMBER_CHANGED": later("its number was changed too late"),
    "GONE": later("it vanished from the Front"),
    "CLOSED": later("the Front closed it"),
    "DISMISSED": later("a person dismissed it"),
}

NOT_AUTHORIZED = later("its payment is not authorized yet")

STATUS_PAGE = later("Status of {app_name}")
HEALTH = later("health")
HEALTHS = {
    "well": later("well"),
    "degraded": later("degraded"),
    "down": later("down"),
    "paused": later("paused"),
    "stopped": later("stopped"),
}
WELL = later("Everything is well.")
HEAD = later("HEAD")
HEAD_ALONE = later("The id up to which all orders were looked at.")
HEAD_IS_NEWEST = later("It is the newest order that the last cycle saw.")
HEAD_IS_BEHIND = later("The last cycle saw an order that is {count} ids ahead.")
NO_CHECKPOINT = later("The checkpoint can't be read. Type: ordermonit status")
PROBLEMS = later("What is wrong")
WHAT = later("what")
IS_PAUSED = later("A person has paused it. For who, since when and why, type: ordermonit status")
STANDING = later("Orders in the checkpoint")
KEPT = later("Of SUCCESS it keeps the newest {count}.")
LAST_CYCLES = later("The last cycles")
ENDED = later("ended")
CHECKED = later("looked at")
FAILED = later("failed")
HOW = later("how it ended")
GOOD_END = later("good")
BAD_END = later("exit {exit}: {meaning}")
STALE = later(
    "This page is old: no cycle has written it for too long. On the monitor's machine, type:"
    " ordermonit status"
)
RENEWED = later("Each cycle writes this page anew: when it is later than {stale}, none runs.")
