"""Data sets: the published text files, their manifest, and the arrays read from them."""
