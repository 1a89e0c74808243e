"""The machines of tests/system, as layers of ours."""

from tests.system.conftest import disks as disks
from tests.system.conftest import furnished as furnished
from tests.system.conftest import installed as installed
