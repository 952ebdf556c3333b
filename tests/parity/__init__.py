"""sepconv beside real Keras, on random configurations of SeparableConv1D."""
