"""The front door in Python: what `geometric_memory` offers by name, and nothing else."""
