"""What one run was: native records, as columns."""
