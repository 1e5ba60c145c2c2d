"""The database that notifier, service and workers share."""
