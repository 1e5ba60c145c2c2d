"""Who might be affected: contacts, their sending domains, and their consent."""
