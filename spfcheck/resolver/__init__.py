"""Questions and answers: the only door to the network for DNS."""
