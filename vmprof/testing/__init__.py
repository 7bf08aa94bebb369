"""A plugin of pytest: tests that measure a model, and fail if it has become slower.

Imported when pytest starts, so it imports nothing that is not used at once.
"""
