"""ONNX files as networks: the way back of what the modules above write."""
