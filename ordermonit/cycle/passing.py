"""What a cycle passes: HEAD and a rescan move over orders that have a verdict, never over others.

A verdict may come out of order: an order that hangs is set aside, and those behind it go on.
"""

from collections import deque

from ordermonit.cycle.plan import Plan
from ordermonit.orders.ranges import after
from ordermonit.state.checkpoint import Checkpoint


class Passing:
    """One cycle's part of it. `window` is `late_commit_window` in seconds."""

    def __init__(self, checkpoint: Checkpoint, plan: Plan, window: float) -> None:
        self._checkpoint = checkpoint
        self._window = window
        self._ahead = deque(plan.ahead)
        self._page = plan.page
        self._ignored = plan.ignored
        known = {order.id for order in plan.ahead if order.id in checkpoint.records}
        self._final = known | plan.ignored

    def over(self, id: int) -> bool:
        """This order has its verdict; whether the checkpoint has changed by that."""
        checkpoint = self._checkpoint
        self._final.add(id)
        before = checkpoint.gaps
        if id <= checkpoint.head:
            checkpoint.passed(id, None, self._window)
        moved, turned = self.move_head(), self.turn_page()
        return moved or turned or before != checkpoint.gaps

    def move_head(self) -> bool:
        """HEAD moves over orders that have a verdict, and over what is no order yet; whether it
        did."""
        checkpoint = self._checkpoint
        before = checkpoint.head
        while self._ahead and self._ahead[0].id in self._final:
            order = self._ahead.popleft()
            checkpoint.passed(order.id, order.identity, self._window)
            if order.id in self._ignored:
                checkpoint.ignored.add(order.id)
        return before != checkpoint.head

    def turn_page(self) -> bool:
        """A rescan's range shrinks over what has a verdict or needs none; whether it did."""
        if self._page is None:
            return False
        open = next((id for id in self._page.ids if id not in self._final), None)
        before = self._checkpoint.rescans
        self._checkpoint.rescans = after(before, self._page.last if open is None else open - 1)
        return before != self._checkpoint.rescans
