"""Routes and bodies of addresses, below ``/api/addresses``."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

from sim.services.contract.events import PostalAddress
from sim.services.contract.route import PUBLIC, SIGNED_IN, Route
from sim.services.contract.shop import SHOW_ADDRESS, Address
from sim.services.contract.text import END

Recipient = Annotated[str, Meta(min_length=1, max_length=120)]
StreetLine = Annotated[str, Meta(min_length=1, max_length=160)]
SecondLine = Annotated[str, Meta(max_length=160)]
PostalCode = Annotated[str, Meta(max_length=32, description="as the country writes it; case and spaces are put right")]
City = Annotated[str, Meta(min_length=1, max_length=100)]
Country = Annotated[str, Meta(min_length=2, max_length=8, description="ISO 3166-1 alpha-2, in either case")]


class AddressForm(msgspec.Struct, frozen=True, kw_only=True):
    """An address as somebody types it."""

    recipient: Recipient
    line1: StreetLine
    line2: SecondLine = ""
    postal_code: PostalCode = ""
    city: City
    country: Country


class NewAddress(AddressForm, frozen=True, kw_only=True):
    """``default`` makes it the one to deliver to; a customer's first address is that by itself."""

    default: bool = False


class AddressChanges(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is to be different; the address is validated as a whole afterwards."""

    recipient: Recipient | UnsetType = UNSET
    line1: StreetLine | UnsetType = UNSET
    line2: SecondLine | UnsetType = UNSET
    postal_code: PostalCode | UnsetType = UNSET
    city: City | UnsetType = UNSET
    country: Country | UnsetType = UNSET
    default: bool | UnsetType = UNSET


class Paging(msgspec.Struct, frozen=True):
    """``after`` is the ``next`` of the page before."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    after: Annotated[str, Meta(pattern="^[0-9]{1,18}" + END)] | None = None


class Addresses(msgspec.Struct, frozen=True):
    """Newest first."""

    items: tuple[Address, ...]
    next: str | None


ROUTES: Final = (
    Route("addresses.list", "GET", "", "The caller's addresses", SIGNED_IN, answers=Addresses, query=Paging),
    Route(
        "addresses.create",
        "POST",
        "",
        "Keep an address, normalised; 422 names each field that is wrong",
        SIGNED_IN,
        takes=NewAddress,
        answers=Address,
        status=201,
        problems=(409, 422),
    ),
    Route(
        "addresses.validate",
        "POST",
        "/validate",
        "The address as it would be kept, or 422; nothing is kept",
        PUBLIC,
        takes=AddressForm,
        answers=PostalAddress,
        problems=(422,),
        light=True,
    ),
    SHOW_ADDRESS,
    Route(
        "addresses.change",
        "PATCH",
        "/{address_id}",
        "Change one of the caller's addresses; orders keep the one they were placed with",
        SIGNED_IN,
        takes=AddressChanges,
        answers=Address,
        problems=(404, 422),
    ),
    Route(
        "addresses.delete",
        "DELETE",
        "/{address_id}",
        "Forget an address; the newest of the others takes its place as default",
        SIGNED_IN,
        status=204,
        problems=(404,),
    ),
)
