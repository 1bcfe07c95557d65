"""Measures of memory and geometry: pure functions of arrays."""
