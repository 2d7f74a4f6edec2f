"""What comes out of a run: results.json, summary.md, junit.xml, allure results, index.html. Imports no client.

The way in is `podvow.report.write.write_all`; it is not imported here, because its libraries take 0.1 s to load.
"""
