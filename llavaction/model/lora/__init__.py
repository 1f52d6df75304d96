"""Low-rank adapters on the linear layers of a saved model, its base: how they are added, saved and merged."""
