"""What somebody pasted into the box: which domain, and which connection, they mean.

Knowledge only: text in, meanings out. Nothing here asks the DNS or trusts what it reads: what comes out is a name that
`spfcheck.names` accepts, an address that `ipaddress` accepts, and texts without anything invisible.
"""

from spfcheck.pasted.meaning import Meant, Nothing, ReadFrom, Understood
from spfcheck.pasted.understand import LONGEST, read

__all__ = ["LONGEST", "Meant", "Nothing", "ReadFrom", "Understood", "read"]
