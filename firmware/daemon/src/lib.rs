//! The trunkside binary: wiring, configuration, store and shutdown.
