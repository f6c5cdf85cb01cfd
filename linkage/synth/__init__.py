"""A synthetic justice population and what each agency recorded about it.

`generate.generate` is the way in. From people to files:

    profile     every rate, from a TOML file
    tables      names by origin with weights and variants
    geography   postcodes, streets, towns
    people      a chunk of people in households
    histories   who is known to which agency, when, and where they lived then
    aliases     the other names and dates that people give
    capture     what one agency wrote down, errors and all
    identifiers PNC, CRO, NOMS and CRN numbers
    views       the columns, spellings and formats of each agency's file
    agreement   how far the records of one person agree, to calibrate a profile

Nothing here is a real person: names come from tables, places and numbers are invented.
"""
