"""Mail as tools and channels share it: letters read and written, mailboxes listened to, one letter sent once.

All that comes from a letter is hostile: it is bounded before it is parsed, and proves nothing that the receiving server
did not check.
"""
