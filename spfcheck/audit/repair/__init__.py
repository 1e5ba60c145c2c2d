"""The repair: what was meant, what is proposed, how it is proven, and certificates where it cannot be."""
