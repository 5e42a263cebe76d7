"""Questions: what customers often ask, answered once, and whether that helped."""
