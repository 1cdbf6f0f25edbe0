"""Is this environment ready? One module of checks for each subject; `examination` runs them."""
