"""Figures: arrays in, a figure out; nothing is trained, read or saved here."""
