//! Streaming speech recognition: features, acoustic network, decoder and endpointing.
