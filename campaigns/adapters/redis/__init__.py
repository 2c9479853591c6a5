"""The shared rate budget and the fence book."""
