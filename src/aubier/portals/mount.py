"""All pages as routes, for the composition root."""

from __future__ import annotations

from aubier.ground.rows import Route
from aubier.portals.citizen.pages import citizen_pages
from aubier.portals.frame.house import House
from aubier.portals.frame.landing import frame_pages
from aubier.portals.professional.pages import professional_pages


def pages(house: House) -> tuple[Route, ...]:
    """Every page, bound to what `house` hands over: landing page, static files, both spaces."""
    return (*frame_pages(house), *citizen_pages(house), *professional_pages(house))
