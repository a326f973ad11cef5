"""Reading fields: pure, from text and files to values with evidence."""
