"""`mailcase replay`: replays archived mails."""
