"""The routes of websites and their bodies: below ``/api/websites``."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

from sim.services.contract.route import PUBLIC, Route
from sim.services.contract.text import END, SINGLE_LINE

CODE_PATTERN: Final = r"^[a-z0-9][a-z0-9-]{0,39}" + END
Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=SINGLE_LINE)]
Locale = Annotated[str, Meta(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?" + END, description="BCP 47, as fr-FR")]
Currency = Annotated[str, Meta(pattern=r"^[A-Z]{3}" + END, description="ISO 4217")]
Host = Annotated[
    str,
    Meta(
        max_length=253,
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*" + END,
        description="host name, without port",
    ),
]
Hosts = Annotated[tuple[Host, ...], Meta(max_length=20)]
SettingKey = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}" + END)]
# Scalars alone: JSON nested a hundred deep or numbers beyond a double would be refused by the column.
Setting = (
    Annotated[str, Meta(max_length=200)] | Annotated[int, Meta(ge=-(2**53) + 1, le=2**53 - 1)] | float | bool | None
)
Settings = Annotated[dict[SettingKey, Setting], Meta(max_length=50)]


class SiteBody(msgspec.Struct, frozen=True):
    """``settings`` are scalars by dotted names (``theme.colour``); public, so no place for secrets."""

    name: Name
    locale: Locale
    currency: Currency
    hosts: Hosts = ()
    maintenance: bool = False
    settings: Settings = {}


class SiteChanges(msgspec.Struct, frozen=True):
    """What is left out stays; ``hosts`` and ``settings`` are replaced as a whole."""

    name: Name | UnsetType = UNSET
    locale: Locale | UnsetType = UNSET
    currency: Currency | UnsetType = UNSET
    hosts: Hosts | UnsetType = UNSET
    maintenance: bool | UnsetType = UNSET
    settings: Settings | UnsetType = UNSET


class Site(msgspec.Struct, frozen=True):
    site: str
    name: str
    locale: str
    currency: str
    hosts: tuple[str, ...]
    maintenance: bool
    settings: Settings


class ListSites(msgspec.Struct, frozen=True):
    """By code; ``after`` is the ``next`` of the page before."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    after: Annotated[str, Meta(max_length=40)] = ""


class SitePage(msgspec.Struct, frozen=True):
    items: tuple[Site, ...]
    next: str | None


LIST: Final = Route("websites.list", "GET", "", "Sites by code", PUBLIC, query=ListSites, answers=SitePage)
SHOW: Final = Route("websites.show", "GET", "/{site}", "One site", PUBLIC, answers=Site, problems=(404,))
SHOW_BY_HOST: Final = Route(
    "websites.by-host",
    "GET",
    "/by-host/{host}",
    "The site a host name belongs to",
    PUBLIC,
    answers=Site,
    problems=(404,),
)
PUT: Final = Route(
    "websites.put",
    "PUT",
    "/{site}",
    "Create (201) or replace a site; 409 when a host belongs to another",
    "websites.write",
    takes=SiteBody,
    answers=Site,
    problems=(409,),
    creates=True,
)
CHANGE: Final = Route(
    "websites.change",
    "PATCH",
    "/{site}",
    "Change some of a site, as its maintenance flag",
    "websites.write",
    takes=SiteChanges,
    answers=Site,
    problems=(404, 409),
)
DELETE: Final = Route(
    "websites.delete",
    "DELETE",
    "/{site}",
    "Remove a site; the default one stays",
    "websites.write",
    status=204,
    problems=(404, 409),
)

ROUTES: Final = (LIST, SHOW, SHOW_BY_HOST, PUT, CHANGE, DELETE)
