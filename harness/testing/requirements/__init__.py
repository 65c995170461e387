"""What is asked of each kind of component, a file a kind."""
