"""Which addresses are fetched, and which networks are connected to: no server is needed to say."""

import asyncio

import pytest

from deputy.adapters.egress import Network, Places, address_of
from deputy.base.errors import ConfigError

PLACES = Places(["https://docs.example.com/guide/*", "*.example.org", "plain.example", "http://old.example:8080/a"])


@pytest.mark.parametrize(
    "url",
    [
        "https://docs.example.com/guide/",
        "https://docs.example.com:443/guide/x?q=1#part",
        "HTTPS://DOCS.EXAMPLE.COM./guide/x",
        "https://a.example.org/",
        "https://a.b.example.org/any/thing",
        "https://plain.example",
        "http://old.example:8080/a",
    ],
)
def test_what_a_pattern_covers_is_allowed(url: str):
    assert PLACES.allow(address_of(url))


@pytest.mark.parametrize(
    "url",
    [
        "https://docs.example.com/",
        "https://docs.example.com/guides",
        "http://docs.example.com/guide/x",  # not the scheme
        "https://docs.example.com:8443/guide/x",  # not the port
        "https://example.org/",  # `*.` stands for something
        "https://evilexample.org/",
        "https://a.example.org.evil.example/",
        "https://plain.example.evil.example/",
        "http://old.example:8080/a/b",
        "https://xn--plan-1na.example/",
    ],
)
def test_what_no_pattern_covers_is_not(url: str):
    assert not PLACES.allow(address_of(url))


@pytest.mark.parametrize(
    "url",
    [
        "https://plain.example@evil.example/",
        "https://user:pass@plain.example/",
        "https://docs.example.com/guide/../admin",
        "https://docs.example.com/guide/%2e%2e/admin",
        "https://docs.example.com/guide/%252e%252e/admin",
        "https://docs.example.com/guide/..%2fadmin",
        "https://docs.example.com\\guide",
        "https://docs.example.com/guide/..\\admin",
        "https://plain.example/\u202egpj.exe",
        "https://plain.example/a b",
        "https://plain.example:99999/",
        "https://plain.example:0/",
        "https://[::1%25lo]/",
        "https://[not-six]/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://0x7f.1/",
        "https:///path",
        "https://a..b/",
        "ftp://plain.example/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "//plain.example/",
        "plain.example",
        "https://plain.example/" + "x" * 5000,
    ],
)
def test_an_address_that_could_be_read_in_two_ways_is_none(url: str):
    with pytest.raises(ValueError, match="it"):
        address_of(url)


def test_a_name_has_one_spelling_whatever_the_script():
    assert address_of("https://BÜCHER.example/Ü?ä=ß").host == "xn--bcher-kva.example"
    assert str(address_of("https://BÜCHER.example/Ü?ä=ß")) == "https://xn--bcher-kva.example/%C3%9C?%C3%A4=%C3%9F"


@pytest.mark.parametrize(
    "pattern", ["https://*/", "ex*mple.org", "https://a.example/*/b", "https://u@a.example/", "ftp://a.example", "",
                "*.*", "https://a.example/../x*", "a.example?x"]
)  # fmt: skip
def test_a_pattern_that_is_none_is_refused(pattern: str):
    if pattern == "https://*/":
        assert Places([pattern]).allow(address_of("https://any.example/"))
        return
    with pytest.raises(ConfigError):
        Places([pattern])


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.1.1", "169.254.169.254", "100.64.0.1",
        "100.100.100.200", "168.63.129.16", "0.0.0.0", "255.255.255.255", "224.0.0.1", "240.0.0.1", "192.0.2.1",
        "198.18.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1", "::ffff:a9fe:a9fe", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::a00:1", "2002:7f00:1::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:db8::1", "no address",
    ],
)  # fmt: skip
def test_what_is_not_the_public_internet_is_not_connected_to(address: str):
    assert not Network().admits(address)


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_the_public_internet_is(address: str):
    assert Network().admits(address)


def test_a_network_that_is_named_is_connected_to_and_no_other_beside_it():
    network = Network(["10.20.0.0/16", "fd12::/32"])
    assert [network.admits(a) for a in ("10.20.3.4", "::ffff:10.20.3.4", "fd12::9")] == [True] * 3
    assert [network.admits(a) for a in ("10.21.0.1", "127.0.0.1", "fd13::1")] == [False] * 3


@pytest.mark.parametrize("metadata", ["169.254.169.254", "fd00:ec2::254", "::ffff:169.254.169.254"])
def test_where_a_cloud_keeps_its_credentials_nobody_goes_even_if_the_network_is_named(metadata: str):
    assert not Network(["169.254.0.0/16", "fd00::/8"]).admits(metadata)


def test_a_name_with_one_address_out_of_bounds_is_refused_whole():
    async def resolve(host: str, port: int) -> list[str]:
        return ["93.184.215.14", "127.0.0.1"]

    with pytest.raises(PermissionError, match="127"):
        asyncio.run(Network(resolve=resolve).addresses("two.example", 443))
