"""What was planned, said and settled: the notifier's tables and everything that is written there."""
