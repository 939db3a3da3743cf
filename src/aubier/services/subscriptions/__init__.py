"""Subscriptions: software is told of what happens in the records that it may see.

For software of every kind. Rules: HL7 FHIR R4 Subscription (criteria; rest-hook, websocket, message) and
Subscriptions R5 Backport 1.1.0 (topics, filters, notification Bundles, $status, $events,
$get-ws-binding-token). Matching is the server's own search; every notification goes through the view of
the subscriber as of its sending. Does not: send mail or SMS, read topics that clients write.
"""

from aubier.services.subscriptions.service import SERVICE, declared
from aubier.services.subscriptions.telling.courier import Courier, Send

__all__ = ["SERVICE", "Courier", "Send", "declared"]
