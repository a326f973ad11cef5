"""Reports of a run: results, tables, a chart, and the limits that must hold."""
