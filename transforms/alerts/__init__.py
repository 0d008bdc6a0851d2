"""Alerts: what is new and urgent in the evidence of one tick, and who is told, once."""
