"""Small stand-ins for tests and benchmarks: a tiny model, an offline tokenizer, several processes on one machine."""
