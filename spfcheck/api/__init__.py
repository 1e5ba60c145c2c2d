"""The HTTP service that the main app calls; `openapi.yaml` is its contract."""
