"""Wire formats as providers hold callers to them, one file each."""
