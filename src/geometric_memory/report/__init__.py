"""Pages and cards that sum up runs: pure functions of the files that a run has left."""
