"""Signatures of webhooks, against the examples that their styles publish."""

import hashlib
import hmac

import msgspec
import pytest

from deputy.app.signatures import signed
from deputy.base.errors import UsageError
from deputy.domain.trigger import Webhook

GITHUB = Webhook(path="x", secret="env:X")
STAMPED = Webhook(path="x", secret="env:X", signature="timestamped")
STANDARD = Webhook(path="x", secret="env:X", signature="standard")
KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
LETTER = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}  # fmt: skip
BODY = b'{"test": 2432232314}'


def test_the_example_of_github_is_taken():
    header = {"x-hub-signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"}
    secret = "It's a Secret to Everybody"
    assert signed(GITHUB, secret, header, b"Hello, World!", 0) is not None
    assert signed(GITHUB, secret, header, b"Hello, World?", 0) is None
    assert signed(GITHUB, "guess", header, b"Hello, World!", 0) is None
    assert signed(GITHUB, secret, {}, b"Hello, World!", 0) is None
    named = msgspec.structs.replace(GITHUB, header="X-Ours")
    assert signed(named, secret, {"x-ours": header["x-hub-signature-256"]}, b"Hello, World!", 0) is not None


def test_the_example_of_standard_webhooks_is_taken():
    found = signed(STANDARD, KEY, LETTER, BODY, 1614265330)
    assert found is not None
    assert found.id == "msg_p5jXN8AQM9LWM0D4loKWxJek"
    two = {**LETTER, "webhook-signature": "v1,AAAA v2,x " + LETTER["webhook-signature"]}
    assert signed(STANDARD, KEY, two, BODY, 1614265330) is not None
    for change in ({"webhook-id": "another"}, {"webhook-timestamp": "1614265331"}, {"webhook-signature": "v1,é"}):
        assert signed(STANDARD, KEY, LETTER | change, BODY, 1614265330) is None
    assert signed(STANDARD, KEY, {}, BODY, 1614265330) is None


@pytest.mark.parametrize("after", [301, -301])
def test_what_was_signed_too_long_ago_or_in_the_future_is_not(after: int):
    assert signed(STANDARD, KEY, LETTER, BODY, 1614265330 + after) is None


def test_a_stamped_signature_covers_its_time():
    right = hmac.new(b"key", b"1700000000." + BODY, hashlib.sha256).hexdigest()
    header = {"stripe-signature": f"t=1700000000,v1={'0' * 64},v1={right},v0=x"}
    assert signed(STAMPED, "key", header, BODY, 1700000100) is not None
    assert signed(STAMPED, "key", header, BODY, 1700000301) is None
    moved = {"stripe-signature": header["stripe-signature"].replace("t=1700000000", "t=1700000001")}
    assert signed(STAMPED, "key", moved, BODY, 1700000100) is None
    for wrong in ("", "t=x,v1=" + right, f"v1={right}", "t=99999999999999999999,v1=" + right, "," * 5000):
        assert signed(STAMPED, "key", {"stripe-signature": wrong}, BODY, 1700000100) is None


def test_a_secret_that_is_none_is_an_error_and_not_an_open_door():
    for hook in (GITHUB, STAMPED, STANDARD):
        with pytest.raises(UsageError):
            signed(hook, "", LETTER, BODY, 1614265330)
    with pytest.raises(UsageError):
        signed(STANDARD, "whsec_é!", LETTER, BODY, 1614265330)
