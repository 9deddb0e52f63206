"""Who somebody is: passwords, sign-ins, tokens and keys. What they may do is `cloud.people`."""
