//! What the caller wants, how they feel, what they named, and what must be hidden.
