//! RTP, G.711, prompts and the relay that carries voice between two legs.
