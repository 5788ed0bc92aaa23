"""A user study: pairs of images on a page of its own, and its template."""
