"""The service that decides where a mail belongs. It is stateless and reads headers only."""
