"""Vision encoder, projector, decoder and the learnable action token. Imports only utils, torch and transformers."""
