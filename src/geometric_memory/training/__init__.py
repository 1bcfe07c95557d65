"""Training: batches, objective, optimizer and schedule, the one loop, evaluation."""
