"""Graphs: nodes 0..n-1, forward edges and the paths to learn, one module per family."""
