"""What run folders say: a list of many, the differences of two."""
