"""The tests of spfcheck. No property has a deadline: speed is measured by ``make bench``, on a machine at rest."""

from hypothesis import settings

settings.register_profile("spfcheck", deadline=None)
settings.load_profile("spfcheck")
