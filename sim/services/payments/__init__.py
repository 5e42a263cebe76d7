"""Payments: planned, as the document says; every route answers 501 until then."""
