//! What a call leaves behind: the versioned contract between box and cloud.
