"""Layers and networks from YAML and JSON: reading, checking, building, writing."""
