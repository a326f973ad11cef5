"""`make release`: what a release consists of, built twice and checked; see docs/releasing.md."""
