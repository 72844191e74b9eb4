"""Ways in for mails: SMTP and LMTP, IMAP; and whether one comes from where it says.

Needs the extra ``mail``: whoever imports what is in here says so where it is missing.
"""
