"""Past the paper: questions that it leaves open, each answered by one command with intervals."""
