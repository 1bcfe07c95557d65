"""Geometric memory: how sequence models store the facts of a graph in their weights."""

__version__ = "0.1.0"
