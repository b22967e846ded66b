"""Many records at once: imported, audited, validated against labels, counted over the years."""
