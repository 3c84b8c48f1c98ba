"""The report of a replay: one page that can be read offline, and its pictures as files.

`recorder` looks on while the stream runs and keeps a bounded history; `figures` makes of it, with the figures of the
replay, one JSON document; `page` and `plots` draw that document and know nothing else.
"""
