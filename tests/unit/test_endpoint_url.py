"""Which URLs may be endpoints, and which addresses may be dialled."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyledger.contract.endpoint_url import REFUSED, EndpointUrl, parse_endpoint_url, refusal


def parse(text: str) -> EndpointUrl:
    return parse_endpoint_url(text, allows_http=False, allows_private=False)


@pytest.mark.parametrize(("network", "reason"), REFUSED, ids=[str(network) for network, _ in REFUSED])
def test_every_refused_network_is_refused_from_end_to_end(
    network: ipaddress.IPv4Network | ipaddress.IPv6Network, reason: str
) -> None:
    """Its first and its last address."""
    assert [reason, reason] == [refusal(str(network[0])), refusal(str(network[-1]))]


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("0.0.0.0", "0.255.255.255"),
        ("10.0.0.0", "10.255.255.255"),
        ("100.64.0.0", "100.127.255.255"),
        ("127.0.0.0", "127.255.255.255"),
        ("169.254.0.0", "169.254.255.255"),
        ("172.16.0.0", "172.31.255.255"),
        ("192.0.0.0", "192.0.0.255"),
        ("192.0.2.0", "192.0.2.255"),
        ("192.88.99.0", "192.88.99.255"),
        ("192.168.0.0", "192.168.255.255"),
        ("198.18.0.0", "198.19.255.255"),
        ("198.51.100.0", "198.51.100.255"),
        ("203.0.113.0", "203.0.113.255"),
        ("224.0.0.0", "239.255.255.255"),
        ("240.0.0.0", "255.255.255.255"),
        ("::", "::ffff:ffff"),
        ("::ffff:0.0.0.0", "::ffff:255.255.255.255"),
        ("64:ff9b::", "64:ff9b::ffff:ffff"),
        ("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff"),
        ("100::", "100::ffff:ffff:ffff:ffff"),
        ("2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ],
)
def test_the_special_networks_are_all_in_the_table(first: str, last: str) -> None:
    """Written out once more, so that a row lost from the table is noticed."""
    assert refusal(first)
    assert refusal(last)


@pytest.mark.parametrize(
    "address", ["::1", "169.254.169.254", "fd00:ec2::254", "::ffff:a9fe:a9fe", "255.255.255.255"]
)
def test_addresses_of_ill_repute_are_refused(address: str) -> None:
    """Loopback, metadata services, broadcast."""
    assert refusal(address)


@pytest.mark.parametrize(
    "address",
    ["1.0.0.0", "192.0.1.0", "191.255.255.255", "192.0.1.255", "192.0.3.0", "192.88.98.255", "192.88.100.0",
     "198.51.99.255", "198.51.101.0", "203.0.112.255", "203.0.114.0", "2000:ffff::1", "2001:db7:ffff::1",
     "2001:db9::", "2001:ffff::1", "2003::", "3ffe:ffff::1", "3fff:1000::", "1.1.1.1",
     "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
     "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0",
     "198.17.255.255", "198.20.0.0", "223.255.255.255", "2606:4700::1111", "2001:200::", "2a00::1"],
)  # fmt: skip
def test_public_neighbours_are_not(address: str) -> None:
    """One before and one after."""
    assert refusal(address) is None


@pytest.mark.parametrize("address", ["fe80::1%eth0", "4000::1", "localhost", "127.1", "", "1.2.3.4.5"])
def test_what_is_no_public_address_is_refused(address: str) -> None:
    """Scoped, not yet given out, or no address at all."""
    assert refusal(address)


@pytest.mark.parametrize(
    "text",
    ["https://127.1/", "https://0x7f000001/", "https://2130706433/", "https://0177.0.0.1/", "https://127.0.0.1/",
     "https://[::1]/", "https://[::ffff:169.254.169.254]/", "https://[64:ff9b::a9fe:a9fe]/", "https://[::]/",
     "https://169.254.169.254/latest/", "https://[fe80::1%25eth0]/", "https://[fd00:ec2::254]/", "https://0/",
     "https://localhost/", "https://localhost./", "https://LOCALHOST/", "https://a.localhost/", "https://db/",
     "https://x.internal/", "https://printer.local/", "https://user@example.com/", "https://a:b@example.com/",
     "https://@example.com/", "https://example.com\\@evil.example/", "https://example.com/#x", "https:///x",
     "https://example.com:0/", "https://example.com:65536/", "https://example.com:x/", "http://example.com/",
     "ftp://example.com/", "//example.com/", "example.com", "", "https://exa mple.com/", "https://exämple.com/",
     "https://example.com/é", "https://１２７.0.0.1/", "https://example.com/\x00", "https://-a.example/",
     "https://127.0.0.1./", "https://0x7f.1/", "https://a.0x7f/", "https://a.1/", "https://foo.08/",
     "https://1.2.3.4.5/", "https://[2606:4700::1111].evil.example/", "https://[2606:4700::1111]x/",
     "https://[1.1.1.1]/", "https://[2606:4700::1111%25eth0]/", "https://a%2eb.example/", "https:a.example/",
     "https://example.com:+8/", "https://example.com:-1/", "https://example.com/a b", "https://./",
     "https://example.com/\n", "https://[::1/", "https://a..example/", "https://example.com/" + "x" * 2_048],
)  # fmt: skip
def test_a_url_that_may_not_be_an_endpoint_is_refused(text: str) -> None:
    """Before anything is resolved."""
    with pytest.raises(ValueError, match="must"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "origin", "target"),
    [
        ("https://example.com", "https://example.com", "/"),
        ("https://EXAMPLE.com.:443/a?b=c", "https://example.com", "/a?b=c"),
        ("https://example.com:8443/?", "https://example.com:8443", "/"),
        ("https://1.1.1.1/x", "https://1.1.1.1", "/x"),
        ("https://[2606:4700::1111]:444/x", "https://[2606:4700::1111]:444", "/x"),
        ("https://xn--bcher-kva.example/%C3%A9", "https://xn--bcher-kva.example", "/%C3%A9"),
    ],
)
def test_a_url_is_taken_apart(text: str, origin: str, target: str) -> None:
    """The host in one notation, the port only where it says something."""
    url = parse(text)
    assert (origin, target) == (url.origin, url.target)


def test_development_may_use_http_and_private_addresses() -> None:
    """By setting; tricks in the notation are refused all the same."""
    for text in ("http://127.0.0.1:9/x", "http://localhost/", "http://db:80/"):
        parse_endpoint_url(text, allows_http=True, allows_private=True)
    for text in (
        "http://127.1/",
        "http://0x7f000001/",
        "http://2130706433/",
        "http://0177.0.0.1/",
        "http://a.1/",
    ):
        with pytest.raises(ValueError, match="dotted decimal"):
            parse_endpoint_url(text, allows_http=True, allows_private=True)
    for text in (
        "http://[fe80::1%eth0]/",
        "http://[fe80::1%25eth0]/",
        "http://[::1]x/",
        "http://１２７.0.0.1/",
    ):
        with pytest.raises(ValueError, match="must"):
            parse_endpoint_url(text, allows_http=True, allows_private=True)


@given(st.one_of(st.text(max_size=40), st.from_regex(r"https://[a-z0-9.:@\[\]\\/?#-]{1,30}", fullmatch=True)))
def test_what_is_accepted_is_unambiguous(text: str) -> None:
    """An ASCII host, nobody's name in it, and the parts put together again mean the same."""
    try:
        url = parse(text)
    except ValueError:
        return
    assert url.host.isascii() and "@" not in url.host and url.target.startswith("/")
    again = parse(url.origin + url.target)
    assert (url.origin, url.target) == (again.origin, again.target)
