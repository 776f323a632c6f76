"""The playbook language: models, loader, expressions, lint, schema. Nothing here touches the world."""
