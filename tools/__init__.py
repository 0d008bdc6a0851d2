"""Commands that compile data which is shipped, each from what others publish; not installed."""
