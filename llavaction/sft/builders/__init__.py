"""One builder per view: a segment goes in, a sample comes out."""
