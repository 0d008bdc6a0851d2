"""From pieces of evidence to clusters: entities, links, communities, what each amounts to."""
