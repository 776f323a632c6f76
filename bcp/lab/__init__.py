"""An outside world on loopback: real sockets, real protocols, no privileges. It knows nothing of the product."""
