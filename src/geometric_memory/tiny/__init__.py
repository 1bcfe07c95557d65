"""The tiny-graph laboratory: small models on four graphs, many seeds at once."""
