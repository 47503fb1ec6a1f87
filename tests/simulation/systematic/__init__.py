"""Small parts of the package, tried exhaustively: every way in which they can go within stated bounds."""
