"""Signed releases over the air: published, found and trusted.

Rule: knows bytes and keys, not machines.
"""

import warnings

# securesystemslib loads the clouds' key services where they happen to be installed, and those then warn of
# libraries of their own that nobody here can renew.
warnings.filterwarnings("ignore", "grpcio < ", FutureWarning, r"google\.auth")
