"""Several clusters judged at once: a whole run for each, in its own process, and one page that shows all."""
