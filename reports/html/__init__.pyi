from .index_page import members_digest as members_digest
from .site import PAGE_LIMIT as PAGE_LIMIT, write_report_pages as write_report_pages
