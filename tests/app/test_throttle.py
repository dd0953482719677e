"""How often one may try: a share for each address, one for all, and memory that does not grow with who tries."""

from deputy.app.throttle import KNOWN, Throttle
from deputy.testing.conformance.world import StillClock


def test_an_address_has_its_share_and_gets_it_back_with_time():
    clock = StillClock()
    throttle = Throttle(clock, 60, 6_000)
    assert [throttle.take("a") for _ in range(8)] == [True] * 6 + [False] * 2
    assert throttle.take("b"), "who tries too often takes nothing from others"
    clock.move(2)
    assert [throttle.take("a") for _ in range(3)] == [True, True, False]


def test_all_together_have_a_share_too_and_no_more_addresses_are_known_than_fit():
    clock = StillClock()
    throttle = Throttle(clock, 60, 600)
    assert sum(throttle.take(f"10.0.{n >> 8}.{n & 255}") for n in range(KNOWN * 2)) == 60
    assert throttle.known <= KNOWN
