"""The command `geomem`: one module per subcommand, nothing but parsing and a call."""
