//! The durable outbox on the box, and MQTT to the cloud.
