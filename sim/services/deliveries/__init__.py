"""Deliveries: one shipment an order, its carrier chosen by country, tracked from the warehouse to the door."""
