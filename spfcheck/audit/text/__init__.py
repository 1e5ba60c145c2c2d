"""The text of a record: what people mistype, what was meant, and how terms are put together again."""
