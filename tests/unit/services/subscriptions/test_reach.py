"""Where notifications may go: by the endpoint as written, and by the address its name stands for."""

from types import SimpleNamespace

import pytest

from aubier.ground.problem import Problem
from aubier.services.subscriptions.asking.endpoint import Reach

SANDBOX = Reach.of(SimpleNamespace(subscription_hosts="", sandbox=True))
OUTSIDE = Reach.of(SimpleNamespace(subscription_hosts="told.example, Other.example", sandbox=False))


@pytest.mark.parametrize(
    ("reach", "endpoint", "passes"),
    [
        (SANDBOX, "http://127.0.0.1:9000/hook", True),
        (SANDBOX, "http://localhost/hook?a=b", True),
        (SANDBOX, "http://[::1]:9000/", True),
        (SANDBOX, "https://told.example/hook", False),
        (SANDBOX, "http://10.0.0.1/", False),
        (SANDBOX, "http://127.0.0.1.told.example/", False),
        (OUTSIDE, "https://told.example/hook", True),
        (OUTSIDE, "https://OTHER.example:8443/hook", True),
        (OUTSIDE, "http://told.example/hook", False),
        (OUTSIDE, "https://sub.told.example/hook", False),
        (OUTSIDE, "http://127.0.0.1:5432/", False),
        (OUTSIDE, "https://user:secret@told.example/", False),
        (OUTSIDE, "https://told.example@127.0.0.1/", False),
        (OUTSIDE, "https://told.example/#x", False),
        (OUTSIDE, "https://told.example/\r\nX: y", False),
        (OUTSIDE, "https://told.example\\@127.0.0.1/", False),
        (OUTSIDE, "https://told.example:0/", False),
        (OUTSIDE, "https://told.example:99999/", False),
        (OUTSIDE, "https://[::1", False),
        (OUTSIDE, "ftp://told.example/", False),
        (OUTSIDE, "file:///etc/passwd", False),
        (OUTSIDE, "", False),
        (OUTSIDE, "https://told.example/" + "x" * 2000, False),
    ],
)
def test_an_endpoint_as_it_is_written(reach: Reach, endpoint: str, passes: bool) -> None:
    if passes:
        reach.check(endpoint)
        return
    with pytest.raises(Problem) as refused:
        reach.check(endpoint)
    assert refused.value.issues[0].at == ("Subscription.channel.endpoint",)


@pytest.mark.parametrize(
    ("reach", "host", "address", "passes"),
    [
        (OUTSIDE, "told.example", "93.184.216.34", True),
        (OUTSIDE, "told.example", "2606:2800:220:1::1", True),
        (OUTSIDE, "nobody.example", "93.184.216.34", False),
        (OUTSIDE, "told.example", "127.0.0.1", False),
        (OUTSIDE, "told.example", "10.1.2.3", False),
        (OUTSIDE, "told.example", "172.16.0.1", False),
        (OUTSIDE, "told.example", "192.168.1.1", False),
        (OUTSIDE, "told.example", "169.254.169.254", False),
        (OUTSIDE, "told.example", "100.64.0.1", False),
        (OUTSIDE, "told.example", "0.0.0.0", False),
        (OUTSIDE, "told.example", "224.0.0.1", False),
        (OUTSIDE, "told.example", "255.255.255.255", False),
        (OUTSIDE, "told.example", "::1", False),
        (OUTSIDE, "told.example", "::ffff:127.0.0.1", False),
        (OUTSIDE, "told.example", "::ffff:10.0.0.1", False),
        (OUTSIDE, "told.example", "64:ff9b::7f00:1", False),
        (OUTSIDE, "told.example", "2002:7f00:1::", False),
        (OUTSIDE, "told.example", "fe80::1", False),
        (OUTSIDE, "told.example", "fd00::1", False),
        (SANDBOX, "127.0.0.1", "127.0.0.1", True),
        (SANDBOX, "localhost", "::1", True),
        (SANDBOX, "told.example", "127.0.0.1", False),
        (SANDBOX, "localhost", "10.0.0.1", False),
    ],
)
def test_the_address_that_a_name_stands_for(reach: Reach, host: str, address: str, passes: bool) -> None:
    assert reach.permits(host, address) is passes
