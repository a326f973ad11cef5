"""The desk's HTML pages: view models, templates, texts, assets. The API's handlers supply the
data.
"""
