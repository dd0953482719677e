"""What a user can do: use cases shared by every surface; the only place adapters meet the kernel."""
