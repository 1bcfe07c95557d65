"""Experiments: presets and what is made of them."""
