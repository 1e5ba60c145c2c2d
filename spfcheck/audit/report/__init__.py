"""What a report is: its facts, the catalogue of findings, and how it is written down."""
