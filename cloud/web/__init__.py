"""The page: server-rendered, live, and served whole from this package."""
