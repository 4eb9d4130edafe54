//! Who takes each call, and why: a pure, replayable routing policy and queue.
