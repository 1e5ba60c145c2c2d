"""The service as a whole: the one place that knows both the API and the page."""
