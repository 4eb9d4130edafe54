//! The cloud side: ingest, store and query what many branches send.
