"""Studies: claims of the paper, and findings beside it: questions, work and criteria."""
