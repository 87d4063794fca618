"""What clients speak. Pure: bytes in, values out, and back."""
