"""A zone of made-up customers, a sandbox of the messaging API, and one night after another in fast motion."""
