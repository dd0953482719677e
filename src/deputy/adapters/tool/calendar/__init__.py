"""Read and keep a calendar on a CalDAV server."""

from deputy.adapters.tool.calendar.host import CalendarAccount, CalendarTools

__all__ = ["CalendarAccount", "CalendarTools"]
