"""What a dataset says: segments, class vocabularies, splits. No torch."""
