"""What changed, kept until everyone who watches was told."""

from aubier.store.outbox.delivery import STUCK, TRIES, Change, deliver

__all__ = ["STUCK", "TRIES", "Change", "deliver"]
