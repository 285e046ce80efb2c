"""What all sides agreed on: commands, events, outcomes, errors, identities, settings.

Everything here is pure: models and functions over values. No connection, no clock, no randomness of
its own; time and random bytes are arguments. The names on the wire (camelCase) are made here and
nowhere else. It promises nothing about when or whether something happens: that is the ledger's word.
"""
