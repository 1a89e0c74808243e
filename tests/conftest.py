"""What every test can ask for."""

import os

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Make a run with skipped tests fail where CI is set: a part that is missing proves nothing."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:  # a worker of pytest-xdist: the controller does the counting
        return
    skipped = reporter.stats.get("skipped", [])
    if skipped and os.environ.get("CI"):
        reporter.write_line(f"\n{len(skipped)} tests were skipped; with CI set that is a failure.")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
