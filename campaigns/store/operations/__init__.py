"""Operations: acts on many things that somebody asked for at once, and checks that take their time."""
