"""Pure rules: no clock, environment, network or terminal."""
