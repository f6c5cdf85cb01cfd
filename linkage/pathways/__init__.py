"""Pathways of persons through agencies, as counts from which nobody can be told.

`histories` says what is known of each person by year, `tables` counts persons, `protect` rounds
the counts and hides small ones so that no other count gives them away, and `content` puts what
may be published in one value for tables and charts.
"""
