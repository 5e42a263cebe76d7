"""Contacts: what anybody writes to the shop; who asks for support gets a ticket."""
