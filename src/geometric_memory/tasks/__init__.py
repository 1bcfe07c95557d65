"""Tasks: edge facts and paths as token sequences."""
