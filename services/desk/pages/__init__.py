"""The desk's HTML pages: view models, templates, texts, assets. Data comes from the API's
handlers.
"""
