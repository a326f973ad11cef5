"""The stage that decides what a mail belongs to. It keeps no state and reads headers only."""
