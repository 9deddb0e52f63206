"""The wire's schema and the code generated from it; only `contract.codec` imports it."""
