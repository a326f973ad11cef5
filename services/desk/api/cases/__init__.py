"""Cases as resources: lists, actions, comments, answers, files, search, exports."""
