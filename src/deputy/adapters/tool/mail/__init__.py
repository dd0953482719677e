"""The `mail.*` tools of one mailbox: searched, read, sorted and written from, each letter sent once.

Whatever stands in a letter is an outsider's word; who wrote it is known only where the receiving server vouched for it.
"""

from deputy.adapters.tool.mail.host import MailTools, Shelf, Writer
from deputy.adapters.tool.mail.specs import specs_of

__all__ = ["MailTools", "Shelf", "Writer", "specs_of"]
