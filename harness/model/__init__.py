"""What is trained: the network, its layout in θ, and the objective."""
