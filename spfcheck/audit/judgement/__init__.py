"""What is judged: which of our networks pass, the include tree, findings and status."""
