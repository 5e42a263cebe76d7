"""Addresses as a service: each customer keeps their own, one of them the default; anybody may have one validated."""

from __future__ import annotations

from typing import Any, Final

from msgspec import UNSET

from sim.services.addresses import books
from sim.services.addresses.api import ROUTES, AddressChanges, Addresses, AddressForm
from sim.services.addresses.normalising import InvalidAddress, normalised
from sim.services.chassis.service import Call, Reply, Service
from sim.services.contract.events import PostalAddress
from sim.services.contract.problem import Problem
from sim.services.contract.shop import Address


def _list(call: Call) -> Addresses:
    with call.context.transaction() as tx:
        return Addresses(*books.page(tx, call.caller.user_id, call.query.limit, call.query.after))


def _create(call: Call) -> Reply:
    address = _normalised(call.body)
    user_id = call.caller.user_id
    with call.context.transaction() as tx:
        books.lock(tx, user_id)
        address_id = books.add(tx, user_id, address)
        if call.body.default:
            books.make_default(tx, user_id, address_id)
        books.ensure_default(tx, user_id)
        return tx.answer(books.find(tx, user_id, address_id), 201)


def _validate(call: Call) -> PostalAddress:
    return _normalised(call.body)


def _show(call: Call) -> Address:
    with call.context.transaction() as tx:
        return books.find(tx, call.caller.user_id, call.path["address_id"])


def _change(call: Call) -> Reply:
    user_id, changes = call.caller.user_id, call.body
    with call.context.transaction() as tx:
        books.lock(tx, user_id)
        kept = books.find(tx, user_id, call.path["address_id"])
        books.change(tx, kept.address_id, _changed(kept.address, changes))
        if changes.default is True:
            books.make_default(tx, user_id, kept.address_id)
        elif changes.default is False and kept.default:
            raise _invalid({"default": "cannot be taken away: make another address the default"})
        return tx.answer(books.find(tx, user_id, kept.address_id))


def _delete(call: Call) -> Reply:
    user_id = call.caller.user_id
    with call.context.transaction() as tx:
        books.lock(tx, user_id)
        books.delete(tx, books.find(tx, user_id, call.path["address_id"]).address_id)
        books.ensure_default(tx, user_id)
        return tx.answer(None, 204)


def _changed(address: PostalAddress, changes: AddressChanges) -> PostalAddress:
    fields: dict[str, Any] = {}
    for field in AddressForm.__struct_fields__:
        changed = getattr(changes, field)
        fields[field] = getattr(address, field) if changed is UNSET else changed
    return _normalised(AddressForm(**fields))


def _normalised(form: AddressForm) -> PostalAddress:
    try:
        return normalised(form)
    except InvalidAddress as invalid:
        raise _invalid(invalid.errors) from invalid


def _invalid(errors: dict[str, str]) -> Problem:
    detail = "; ".join(f"{field} {what}" for field, what in errors.items())
    named = [{"field": field, "detail": what} for field, what in errors.items()]
    return Problem(422, f"This is not an address goods can be sent to: {detail}.", errors=named)


SERVICE: Final = Service(
    key="addresses",
    routes=ROUTES,
    handlers={
        "addresses.list": _list,
        "addresses.create": _create,
        "addresses.validate": _validate,
        "addresses.show": _show,
        "addresses.change": _change,
        "addresses.delete": _delete,
    },
    migrations="sim.services.addresses.migrations",
)
