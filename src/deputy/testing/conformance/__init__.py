"""What every store must do, as tests that anybody's adapter can run.

    import pytest
    from deputy.testing.conformance import StoreSuite

    class TestMyStore(StoreSuite):
        @pytest.fixture
        def open_store(self, tmp_path):
            return lambda clock: MyStore.open(tmp_path / "my.db", clock)

`open_store` gives a store on one and the same database each time it is called (inside a running event loop), as
several processes of one workspace would have. The suite needs no plugin, and pytest only to find the tests; it explains
its failures after `pytest.register_assert_rewrite("deputy.testing.conformance")` in a conftest.py.
"""

from deputy.testing.conformance.access import Reaching
from deputy.testing.conformance.arriving import Arriving
from deputy.testing.conformance.inbox import Arrivals, Deadlines
from deputy.testing.conformance.journals import Journals
from deputy.testing.conformance.leases import Workers
from deputy.testing.conformance.ledger import Books
from deputy.testing.conformance.reading import Looking, Seals
from deputy.testing.conformance.refusals import Refusals
from deputy.testing.conformance.world import OpenStore, StillClock

__all__ = ["OpenStore", "StillClock", "StoreSuite"]


class StoreSuite(Journals, Refusals, Books, Arrivals, Deadlines, Workers, Looking, Seals, Arriving, Reaching):
    """Everything a store promises; subclass it with a fixture `open_store`."""
