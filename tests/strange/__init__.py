"""Providers of DNS as somebody else would play them: written from what the vendors publish, without a look at how the
product or its lab speaks with them. They are met through documented settings only."""
