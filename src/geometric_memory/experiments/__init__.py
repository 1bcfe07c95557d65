"""Experiments: what is trained to see how memory comes about."""
