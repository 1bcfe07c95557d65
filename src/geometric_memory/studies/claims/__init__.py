"""The paper, claim by claim: what is trained, what would have to be seen, and what was seen."""
