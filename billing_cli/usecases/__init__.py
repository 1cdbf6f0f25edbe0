"""Load facts, plan, approve, apply, record: one noun a file."""
