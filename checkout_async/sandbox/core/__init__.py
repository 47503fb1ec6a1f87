"""What both APIs of the simulator share: the document, tokens, clock, identifiers, errors, webhooks. No HTTP."""
