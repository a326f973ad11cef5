"""The actions on a case, shared by all callers: command line, desk, case writer and extractor.

`decide` is pure: the case, an action, an actor and the rules of its process give changes, or a
refusal with its reason and a hint. `history` folds changes into the case document. The repository
writes both in one short transaction.
"""
