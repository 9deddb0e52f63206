"""The API and the server for it: what people and programs may ask the cloud."""
