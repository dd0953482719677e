"""What Deputy serves over the network: webhooks and health; a surface, which asks `app` and renders its answers."""
