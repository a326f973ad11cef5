"""The rules of every action on a case, by subject. Pure.

The rule of an action takes the action and the `Situation`, and returns `Accepted`. It raises
ActionRefusedError if the action is not allowed.
"""
