"""Load: thousands of devices as the cloud sees them, without their sensors and models, in a few processes."""
