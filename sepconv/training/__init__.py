"""Optimizers, losses, metrics, callbacks and the loop that trains a network with them."""
