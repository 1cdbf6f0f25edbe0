"""The address of Postgres: the passwords in it, and TLS, required unless the server is on this machine."""

import os
import re
from urllib.parse import parse_qs, unquote

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_PASSWORD = re.compile(r"password\s*=\s*'?([^'\s&]+)")


def sslmode(url: str, without_tls: bool) -> str:
    """The libpq mode in force: the address's own, then PGSSLMODE's, then `require`.

    On loopback and sockets, and with `without_tls`, the last is `prefer`.
    """
    given = parse_qs(_query(url)).get("sslmode") or [os.environ.get("PGSSLMODE", "")]
    return given[-1] or ("prefer" if without_tls or is_local(url) else "require")


def with_sslmode(url: str, without_tls: bool) -> str:
    """The address with its mode written out, unless libpq would take the same by itself."""
    mode = sslmode(url, without_tls)
    if "sslmode" in parse_qs(_query(url)) or mode == os.environ.get("PGSSLMODE", "prefer"):
        return url
    return f"{url}{'&' if _query(url) else '?'}sslmode={mode}"


def is_local(url: str) -> bool:
    """Whether every host is a loopback name or a socket's directory.

    As libpq does, takes PGHOST if the address names no host, and PGHOSTADDR if it has no `hostaddr`.
    """
    places = re.split("[/?]", _place(url), maxsplit=1)[0].split(",")
    names = [unquote(_name(place)) for place in places] + _listed(url, "host")
    hosts = list(filter(None, names)) or os.environ.get("PGHOST", "").split(",")
    hosts += _listed(url, "hostaddr") or os.environ.get("PGHOSTADDR", "").split(",")
    return all(host in LOOPBACK or host.startswith("/") for host in hosts if host)


def password_ends_early(url: str) -> bool:
    """Whether libpq would take a part of the password for the host, and look that up."""
    # Name and password end at the first @, unless a / comes before it: then there are none.
    place = re.sub("^[^@/]*@?", "", url.partition("://")[2])
    return "@" in place.partition("?")[0]


def passwords(address: str) -> list[str]:
    """The possible passwords in a Postgres address or key=value string, as written and decoded.

    Not where it is the name of the user, host or database too, as on many a developer's machine: it hides nothing
    there, and would be taken out of all that has the word.
    """
    userinfo, _, place = address.partition("://")[2].rpartition("@")
    user, _, password = userinfo.partition(":")
    names = {"postgres", user, *re.split("[/:,?&=]", _PASSWORD.sub("", place))}
    found = [password, *_PASSWORD.findall(address)]
    return [form for text in found for form in (text, unquote(text)) if form and form not in names]


def _listed(url: str, parameter: str) -> list[str]:
    """The values of a parameter, which may have several with commas."""
    return [each for value in parse_qs(_query(url)).get(parameter, []) for each in value.split(",")]


def _name(place: str) -> str:
    """Without its port; of an IPv6 address without its brackets."""
    if place.startswith("["):
        return place[1:].partition("]")[0]
    return place.partition(":")[0]


def _place(url: str) -> str:
    """Hosts, database and query, as libpq takes them apart."""
    return re.sub("^(?:[^@/]*@)?", "", url.partition("://")[2])


def _query(url: str) -> str:
    return _place(url).partition("?")[2]
