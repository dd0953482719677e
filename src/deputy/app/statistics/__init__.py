"""How much of what happened when: read off the journal, kept as sums, told to people and to monitoring."""
