"""A synthetic justice population and what each agency recorded about it.

`generate.generate` is the way in for what fits in memory, `population.populate` for millions. From
rates to files:

    rates       every rate, its range and what it means
    profile     all rates, from a TOML file; `listing` writes one
    tables      names by origin with weights and variants
    geography   postcodes, streets, towns
    people      a chunk of people in households
    histories   who is known to which agency, when, and where they lived then
    aliases     the other names and dates that people give
    capture     what one agency wrote down, errors and all; `typos` and `dates` are the slips
    marks       names as Łukasz and O’Neill write them, where a system keeps that
    events      what brought each record about, and when
    population  all chunks together, as numbers
    identifiers PNC, CRO, NOMS and CRN numbers
    views       the columns, spellings and formats of each agency's file
    blocks      the files, block by block; `listed` are the tables of aliases
    agreement   how far the records of one person agree, and
    collisions  how many people share a name, to calibrate a profile

Nothing here is a real person: names come from tables, places and numbers are invented.
"""
