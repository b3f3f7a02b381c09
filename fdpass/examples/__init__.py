"""Small programs that show what passing descriptors is good for; the tests run them."""
