"""The messaging API: its client, what its answers mean, and its pace."""
