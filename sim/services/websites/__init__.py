"""Websites: the sites of the platform, told apart by the host a browser asks for."""
