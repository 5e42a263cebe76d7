"""Addresses: validates and normalises postal addresses, and keeps each customer's own book of them."""
