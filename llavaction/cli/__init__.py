"""The `llavaction` command: one file per subcommand."""
