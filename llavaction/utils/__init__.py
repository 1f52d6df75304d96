"""Small things every other package needs; imports nothing of this project and no torch."""
