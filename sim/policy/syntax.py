"""What names, labels, ports and addresses may look like: the API server's own rules. Each answers None for good."""

from __future__ import annotations

import ipaddress
import re

_LABEL_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_CIDR = re.compile(r"[0-9a-fA-F.:]+/[0-9]{1,3}")
_LABEL_WORDS = "expected letters, digits, '-', '_' and '.', with a letter or digit at both ends"
MAX_PORT = 65535


def subdomain_fault(name: str) -> str | None:
    """Objects' names: a DNS subdomain (RFC 1123)."""
    if len(name) > 253:
        return "longer than 253 characters"
    if not _SUBDOMAIN.fullmatch(name):
        return "expected small letters, digits, '-' and '.', with a letter or digit at the ends of each part"
    return None


def dns_label_fault(name: str) -> str | None:
    """Namespaces' names: a DNS label (RFC 1123)."""
    if len(name) > 63:
        return "longer than 63 characters"
    return None if _DNS_LABEL.fullmatch(name) else "expected small letters, digits and '-', not '-' at an end"


def label_key_fault(key: str) -> str | None:
    """``name`` or ``prefix/name``: a name of up to 63 characters, a prefix that is a DNS subdomain."""
    prefix, slash, name = key.rpartition("/")
    if slash and (not prefix or subdomain_fault(prefix) is not None):
        return "the part before '/' must be a DNS subdomain such as example.com"
    if not name or len(name) > 63:
        return "the name must have 1 to 63 characters"
    return None if _LABEL_NAME.fullmatch(name) else _LABEL_WORDS


def label_value_fault(value: str) -> str | None:
    if len(value) > 63:
        return "longer than 63 characters"
    return None if not value or _LABEL_NAME.fullmatch(value) else _LABEL_WORDS


def port_name_fault(name: str) -> str | None:
    """IANA_SVC_NAME (RFC 6335)."""
    if not 1 <= len(name) <= 15:
        return "a port's name has 1 to 15 characters"
    if not re.fullmatch(r"[-a-z0-9]+", name) or name.startswith("-") or name.endswith("-") or "--" in name:
        return "expected small letters, digits and single '-' between them"
    return None if re.search(r"[a-z]", name) else "expected at least one letter; write a number without quotes"


def port_number_fault(number: int) -> str | None:
    return None if 1 <= number <= MAX_PORT else f"must be between 1 and {MAX_PORT}"


def cidr_fault(cidr: str) -> str | None:
    try:
        if _CIDR.fullmatch(cidr):
            ipaddress.ip_network(cidr, strict=False)
            return None
    except ValueError:
        pass
    return "must be an address and a mask's length, such as 10.9.8.0/24 or 2001:db8::/64"


def exception_fault(excepted: str, cidr: str) -> str | None:
    """Both are valid CIDRs; an exception lies inside its CIDR and is smaller."""
    inner, outer = ipaddress.ip_network(excepted, strict=False), ipaddress.ip_network(cidr, strict=False)
    inside = inner.version == outer.version and inner.network_address in outer and inner.prefixlen > outer.prefixlen
    return None if inside else f"must be a strict subset of cidr ({cidr})"
