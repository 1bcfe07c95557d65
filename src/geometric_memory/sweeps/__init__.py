"""Many runs as one: a plan of cells, engines that run what is missing, one table of results."""
