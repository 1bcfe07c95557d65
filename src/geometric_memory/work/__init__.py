"""Work: pieces of it, on all cores, stored under keys and gone on with."""
