"""The explorer: a local page that trains small models and shows how their embeddings fold."""
