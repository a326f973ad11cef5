"""Which case a mail belongs to. Pure: a snapshot of the database in, a plan out."""
