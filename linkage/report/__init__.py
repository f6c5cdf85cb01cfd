"""Reports for people: one HTML page each, complete in itself.

`page` loads the templates, `profile` makes the page of an agency's data-quality report. Reports
are drawn from plain content, not from the nouns of a role, so that each party's installation can
make its own without the code of another.
"""
