"""The commands, by role: `agency`, `linker`, `engineer`, and `demo`, the whole story.

Heavy imports stand inside the commands, so that help is instant and a linker's machine loads no
agency code.
"""
