"""Charts as Vega-Lite specifications: a function per chart, a file per topic, all drawn from the report's figures."""
