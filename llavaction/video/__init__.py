"""Pixels from disk: layouts, decoders, frame sampling. NumPy in and out, no torch."""
