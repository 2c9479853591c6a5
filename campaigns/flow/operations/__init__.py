"""Operations: asked for at once, carried out one target at a time, outside of the request."""
