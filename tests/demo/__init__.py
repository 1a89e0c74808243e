"""`make demo`: the whole service at work on an embedded shop, node and ERP."""
