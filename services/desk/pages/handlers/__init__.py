"""The handlers of pages: each calls the API's operations in process, and renders or redirects."""
