"""``bcp.kit.mail_log`` under its older name."""

from bcp.kit.mail_log import MAX_LINE, Again, Line, Not, Reader, begins_again, begins_in_tag, objects_in

__all__ = ["MAX_LINE", "Again", "Line", "Not", "Reader", "begins_again", "begins_in_tag", "objects_in"]
