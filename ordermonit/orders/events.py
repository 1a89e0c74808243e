"""Every event, with its fixed MESSAGE_ID: the contract with journalctl and other tools.

An id never changes its meaning. `packaging/systemd/*.catalog` explain each one.
"""

from enum import Enum, IntEnum


class Priority(IntEnum):
    """Syslog priorities, as journald stores them (syslog(3))."""

    CRIT = 2
    ERR = 3
    WARNING = 4
    NOTICE = 5
    INFO = 6


class Event(Enum):
    """A kind of event: its MESSAGE_ID, its priority, and the sentence a person reads."""

    ORDER_FOUND = (
        "e81a1dd2fa33435f8fccfb6f6e39db6d",
        Priority.INFO,
        "order {number}: already in Abacos",
    )
    ORDER_LATE = (
        "214894541c5041e282d508f962c55ca8",
        Priority.NOTICE,
        "order {number}: became visible behind HEAD (id {id}); it is treated as new",
    )
    ORDER_UNIGNORED = (
        "4cc4ce1d141e4224bf9351c403c91f7b",
        Priority.NOTICE,
        "order {number}: left a state of ignored_states (id {id}); it is treated as new",
    )
    ORDER_BACK = (
        "7d55e48487e0405a9499f61c21656357",
        Priority.WARNING,
        "order {number}: had vanished from the Front, and is back (id {id}); it goes on",
    )
    ID_REUSED = (
        "811533b8963c4390b4d23ae0bcd353bc",
        Priority.WARNING,
        "order {number}: has the id {id}, which was order {before}'s; it is treated as new. Find "
        "out why the database gave that id again",
    )
    HEAD_MISSING = (
        "46c26fcea3934b89839eb71962e806b9",
        Priority.WARNING,
        "HEAD is {head}, but the newest order in the Front is {newest}. Orders that were passed "
        "are there, so it goes on, and looks into the missing ids until HEAD is reached again. "
        "Find out who deleted the orders; or, if the database is a copy, whether it is behind",
    )
    ORDER_MISSING = (
        "3ad79dbf1b8c4098befe0595e973f6c4",
        Priority.NOTICE,
        "order {number}: never reached Abacos; inserting it",
    )
    ORDER_INSERTED = (
        "a5056bee37014a79acb62d0befb5155b",
        Priority.NOTICE,
        "order {number}: inserted into Abacos",
    )
    ORDER_REJECTED = (
        "e0e8a22e83594117bf77178127269772",
        Priority.WARNING,
        "order {number}: {operation} rejected, attempt {attempt} of {max_attempts}: {error}. "
        "The next cycle tries again",
    )
    ORDER_TIMED_OUT = (
        "412dbfaa2aba415ab51ea31ef0258e10",
        Priority.WARNING,
        "order {number}: {operation} gave no answer in time while Abacos answered for others,"
        " attempt {attempt} of {max_attempts}. The next cycle asks before it tries again",
    )
    ORDER_DIED = (
        "2fbee74425514553adccc607d3a208df",
        Priority.WARNING,
        "order {number}: {operation} ended the process that ran it ({error}), and Abacos has "
        "nothing of it, attempt {attempt} of {max_attempts}. The next cycle tries again",
    )
    ORDER_NOT_THERE = (
        "7be92531095e4dc89375b75a3dfe625b",
        Priority.WARNING,
        "order {number}: {error}, attempt {attempt} of {max_attempts}. The next cycle tries again",
    )
    INSERTION_UNVERIFIED = (
        "d5a123f96b6347ee9399e08c3536b400",
        Priority.WARNING,
        "order {number}: insert_order said done, but Abacos does not have it. Nothing is charged "
        "yet; every cycle asks, and after verify_within it is inserted again",
    )
    CONFIRMATION_UNVERIFIED = (
        "50079efa058f48da94db065c5980bd24",
        Priority.WARNING,
        "order {number}: confirm_payment said done, but Abacos does not have the payment. Nothing "
        "is charged yet; every cycle asks, and after verify_within it is confirmed again",
    )
    ORDER_SET_ASIDE = (
        "a482507412874f8d85e9851f1d197226",
        Priority.NOTICE,
        "order {number}: {operation} gave no answer in the short time that is left while orders "
        "hang. Nothing is charged; it is tried again later, with more time and after the others",
    )
    ORDER_REFUSED = (
        "caad0f997c004a2193bea81f69bc51b7",
        Priority.WARNING,
        "order {number}: {operation} was refused as every other order is ({error}). Nothing is "
        "charged; it is tried again when Abacos takes orders",
    )
    ORDER_REOPENED = (
        "b4664dadbe564e56a07471ad06db081b",
        Priority.NOTICE,
        "order {number}: max_attempts was raised to {max_attempts}, so it is tried again",
    )
    ENVIRONMENT_DIFFERS = (
        "6d2d574926f94c7abfb007c319a6adc0",
        Priority.WARNING,
        "the node's tasks see RAILS_ENV {found}, and integration_server.yml says {wanted}: what "
        "stands before rake in `rake` does not pass it on. Type: ordermonit check node",
    )
    INSERTIONS_BELIEVED = (
        "3c155f63c1c44694808623f117648412",
        Priority.WARNING,
        "what {operation} said is believed, not verified: there is no usable check {check}. "
        "Configure it under `checks` in integration_server.yml, so that a task which says done "
        "and did nothing is found",
    )
    ORDER_UNKNOWN = (
        "fd394431ee1040c0b428beb1c0ac87ef",
        Priority.WARNING,
        "order {number}: {operation} ended without an answer ({error}). Nothing is charged; "
        "Abacos is asked before it is tried again",
    )
    ORDER_EXHAUSTED = (
        "27cc08aec8024fc2a2df02020e95a19b",
        Priority.ERR,
        "order {number}: given up after {attempt} attempts, last error: {error}. Remove the "
        "cause, then type: ordermonit retry {number}",
    )
    INSERTION_WAITING = (
        "3a369788b3574db69b2e16e4b7a48182",
        Priority.NOTICE,
        "order {number}: the node says it can't be inserted yet: {error}. Every cycle looks again",
    )
    PAYMENT_WAITING = (
        "b513ece563444b1f810c6bbc8d251205",
        Priority.INFO,
        "order {number}: in Abacos; its payment is not authorized yet and is looked at in "
        "every cycle",
    )
    PAYMENT_CONFIRMED = (
        "30eb6e0abcab4d138fdb5f9acccdf81e",
        Priority.NOTICE,
        "order {number}: payment confirmed in Abacos",
    )
    CONFIRMATION_REPEATED = (
        "af7dbc7d552243b5816665e3c4aafbf8",
        Priority.WARNING,
        "order {number}: its payment may have been confirmed before, and no payment_confirmed "
        "check can say so; confirm_payment is sent all the same. Look in Abacos whether the "
        "payment stands there once",
    )
    ORDER_CLOSED = (
        "ab0d2f9324914f81bcdbfa07a5a85450",
        Priority.NOTICE,
        "order {number}: closed in the Front ({state}); its payment is no longer followed",
    )
    ORDER_GONE = (
        "6b8197fc214d46538440807415907ea8",
        Priority.WARNING,
        "order {number}: vanished from the Front (id {id}); its record is closed. Find out "
        "who deleted it",
    )
    NUMBER_INVALID = (
        "29e5708de9114637b1585037a1b2ffd1",
        Priority.WARNING,
        "order {number}: its number can't be sent to the node (id {id}; expected 1 to 64 of A-Z "
        "a-z 0-9 . _ -). Correct it in the Front, and the next cycle takes it; if it needs none, "
        "type: ordermonit dismiss id:{id} --because TEXT",
    )
    NUMBER_CHANGED = (
        "634cf49db52a49b89fce13cb0223bb4c",
        Priority.WARNING,
        "order {number}: {error} (id {id}). Abacos has nothing under that one; it goes on under "
        "the new one",
    )
    NUMBER_CHANGED_LATE = (
        "bff7faa2d64043bd95b7c91140fcddbd",
        Priority.ERR,
        "order {number}: {error} (id {id}), and Abacos has it, or may have it, as {number}. It is "
        "inserted under no other number. Correct that in the Front; or in Abacos, and then type: "
        "ordermonit retry {number}",
    )
    CHECK_UNAVAILABLE = (
        "2a2b05f4433744589f4f8735da935d44",
        Priority.WARNING,
        "the check {operation} is not usable on the node: {error}. Going on without it; "
        "correct `checks` in integration_server.yml",
    )
    DOWNTIME = (
        "ba2463a21fa64339b6c56650e02d3311",
        Priority.WARNING,
        "{error}. No attempt is charged; trying again every {seconds:g} s",
    )
    DOWNTIME_OVER = (
        "4df6cdedae2b43d3b847d5fd1fabcb27",
        Priority.NOTICE,
        "the node and Abacos answer again after {seconds:.0f} s; going on",
    )
    CYCLE_DONE = (
        "b6cefbb965d943e78c149babfa210a09",
        Priority.INFO,
        "{sentence}",
    )
    CYCLE_STOPPED = (
        "3f9bb53c3d5643cba2c9f34efd2b02f9",
        Priority.NOTICE,
        "stopped on request: {sentence}. The next cycle goes on from here",
    )
    CHECKPOINT_CREATED = (
        "61655bf2da80402dba2bbadec5e54301",
        Priority.NOTICE,
        "{sentence}",
    )
    ORDER_RETRIED = (
        "4b07f963f9cf4d9ea0c16bea4ed9d24b",
        Priority.NOTICE,
        "order {number}: put back by {who} with fresh attempts{why}; the next cycle tries it",
    )
    ORDER_DISMISSED = (
        "145c1ae378284183a63b1b3a0aa46c12",
        Priority.NOTICE,
        "order {number}: dismissed by {who}: {because}. Nothing is undone in Abacos",
    )
    RESCAN_REQUESTED = (
        "cea9854589e8475daa2e721733a9f242",
        Priority.NOTICE,
        "{sentence}",
    )
    RESCAN_DONE = (
        "6243b2e0eedc4745b6dd20988c17a763",
        Priority.NOTICE,
        "the rescan is done: every order in its range has been checked again",
    )
    HEAD_SET = (
        "69b5d2e7f53b415781e145f84fafe45d",
        Priority.WARNING,
        "{sentence}",
    )
    PAUSED = (
        "4cc91daa041c42e7b8e614129df32824",
        Priority.NOTICE,
        "{sentence}",
    )
    RESUMED = (
        "3e002065846e48e7a2f96a1ac6e77d2e",
        Priority.NOTICE,
        "{sentence}",
    )
    CYCLE_PAUSED = (
        "216a04eff765492ca8e2c112691686e6",
        Priority.NOTICE,
        "{sentence}",
    )
    CHECKPOINT_RECOVERED = (
        "72a062e761994dc082c67b56554b7c46",
        Priority.WARNING,
        "{sentence}",
    )
    CHECKPOINT_REFUSED = (
        "8389bb2c08cf43cfaf4ab17794c75878",
        Priority.ERR,
        "{error}",
    )
    STATE_UNWRITABLE = (
        "797e824493ac497b8fc0c2db023e3460",
        Priority.ERR,
        "{error}",
    )
    UNAVAILABLE = (
        "b919114fe4f04e7da1325e3212cd5e92",
        Priority.ERR,
        "{error}",
    )
    ACCESS_REFUSED = (
        "64a224c9d5254353bba32f7e23099c25",
        Priority.CRIT,
        "{error}",
    )
    CONFIGURATION_WRONG = (
        "0fa5423056134d1aa3ef133636098fff",
        Priority.ERR,
        "{error}",
    )
    ALERT_SENT = (
        "386438e0bf164b25bacf4e4e879c2e11",
        Priority.NOTICE,
        "{channel} took the alert: {sentence}",
    )
    ALERT_FAILED = (
        "db8d33f2c289493081a12ca97c6c625a",
        Priority.WARNING,
        "{channel} did not take the alert: {error}. The next cycle tries again; to try now, "
        "type: ordermonit alert --test",
    )
    ALERT_DROPPED = (
        "5040abc8f68c4aaf945c6d6f66640abc",
        Priority.ERR,
        "{channel} refuses the alert each time, so it is dropped there: {sentence} ({error}). "
        "Correct that channel in alerts.yml, then type: ordermonit alert --test",
    )
    ALERTS_WRONG = (
        "9d1360ece31141cc9de9a902bc16ba4f",
        Priority.WARNING,
        "no alert is sent: {error}",
    )
    ALERTS_FORGOTTEN = (
        "909a9e4d8665490caf075b133adeb537",
        Priority.WARNING,
        "{error}. What was alerted can't be remembered, so alerts may come again with each cycle",
    )
    PING_FAILED = (
        "890e14a2bbe5485982cd8218b17a49a0",
        Priority.WARNING,
        "ping_url of alerts.yml was not fetched: {error}. The next good cycle tries again",
    )
    METRICS_FAILED = (
        "6830e077241f467baaa39a81a75a38d9",
        Priority.WARNING,
        "metrics_file {file} was not written: {error}. The next cycle tries again",
    )
    PAGE_FAILED = (
        "7670f6040363494ab34454787be40ea9",
        Priority.WARNING,
        "status_page {file} was not written: {error}. The next cycle tries again",
    )
    STANDBY_BEHIND = (
        "9661a22479144660b2ab7dbebc09bd20",
        Priority.WARNING,
        "the standby {standby} did not get the newest checkpoint: {error}. Each cycle tries again, "
        "and it is told once; to see whether it lasts, type: ordermonit status",
    )
    STANDBY_CAUGHT_UP = (
        "6b5707473d0a4bf4873d4b205ab6a940",
        Priority.NOTICE,
        "the standby {standby} has the newest checkpoint again",
    )
    CHECKPOINT_RECEIVED = (
        "453fda37a4c4489e98e5da932cb34776",
        Priority.INFO,
        "{sentence}",
    )
    AFTERMATH_FAILED = (
        "44a8d58a1d944784b09b2ad6d0b83413",
        Priority.ERR,
        "a defect of ordermonit, after a cycle whose work is durable: {error}. Please report it",
    )
    USAGE_WRONG = (
        "04785bc7ca9049809221a940e3ece361",
        Priority.ERR,
        "{error}",
    )
    DEFECT = (
        "05077797e1144b98b34e0579d3ff0a34",
        Priority.CRIT,
        "{error}",
    )

    def __init__(self, message_id: str, priority: Priority, sentence: str) -> None:
        self.message_id = message_id
        self.priority = priority
        self.sentence = sentence
