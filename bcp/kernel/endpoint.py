"""Where a server listens, as it stands in settings: an address with an optional port."""

from __future__ import annotations

from typing import NamedTuple


class Endpoint(NamedTuple):
    """Where a server listens."""

    address: str
    port: int = 53

    def __str__(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return host if self.port == 53 else f"{host}:{self.port}"


def parse_endpoint(text: str) -> Endpoint:
    """``192.0.2.1``, ``192.0.2.1:5300``, ``2001:db8::1``, ``[2001:db8::1]:5300``.
    Addresses only: a name would need DNS.

    Raises:
        ValueError: when it is none of these.
    """
    import ipaddress

    host, port = text.strip(), "53"
    if host.startswith("["):
        host, _, rest = host[1:].partition("]")
        port = rest.removeprefix(":") or "53"
    elif host.count(":") == 1:
        host, _, port = host.partition(":")
    try:
        ipaddress.ip_address(host)
        number = int(port)
    except ValueError as error:
        raise ValueError(f"{text!r} is not an address with an optional port, such as 192.0.2.1:53") from error
    if not 0 < number < 65536:
        raise ValueError(f"{text!r}: the port must be 1 to 65535")
    return Endpoint(host, number)
