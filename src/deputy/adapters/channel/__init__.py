"""Ways to reach people, and to hear their answers."""
