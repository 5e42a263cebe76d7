"""What the documented platform carries, as a queueing network of measured costs: pure arithmetic, no server.

A request costs each component so many CPU seconds, measured (``measured.json``, or by ``sim capacity --calibrate``). A
component is a station of as many places as its pods' CPU limits give it; requests arrive at random and wait there.
"""
