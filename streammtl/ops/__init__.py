"""What a running process tells about itself: metrics for Prometheus, health, and a live page in the browser.

An observer of the loop (`recorder`) takes a snapshot a few times per second at most. Everything that is served is made
of the latest one, in a thread of its own: nobody who asks can hold up the learner.
"""
