"""Commands that compile shipped data or make a release; not installed."""
