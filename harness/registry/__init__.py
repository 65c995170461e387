"""How plugins are found, loaded, checked and blocked, and whose fault an error is."""
