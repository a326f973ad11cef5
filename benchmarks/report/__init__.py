"""What a run reports: results, tables, a chart, and the limits that they are held to."""
