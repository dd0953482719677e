"""`/api/v1`: what people do at a terminal, for the console and other programs; told from one table of routes."""
