"""EMV 3DS 2.2 as it passes through the cardholder's browser: messages, their encoding, forms, and rules about URLs."""
