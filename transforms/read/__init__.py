"""Readers and adapters: any supported file in, loose contract batches and rejects out."""
