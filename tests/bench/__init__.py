"""Ratios side by side in one run, in alternating order: `nox -s bench`."""
