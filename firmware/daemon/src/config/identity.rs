//! Who the box is and where its cloud is: what a claim brings.

use std::path::Path;

use super::layers::Layers;
use super::{Problem, Severity};

/// The names under which the cloud knows the box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The customer.
    pub tenant: String,
    /// The branch office.
    pub branch: String,
    /// This box.
    pub device: String,
}

pub(super) fn resolve(layers: &mut Layers) -> Identity {
    Identity {
        tenant: layers.topic_name("box.tenant"),
        branch: layers.topic_name("box.branch"),
        device: layers.topic_name("box.device"),
    }
}

pub(super) fn resolve_broker(layers: &mut Layers) -> (String, u16) {
    layers.host_port("cloud.broker", ("127.0.0.1", 1883))
}

/// What would keep a box from starting, or from its cloud, with the settings of a claim. Their files are
/// not looked for: they come last.
pub fn faults_of_claim(settings: &str) -> Vec<Problem> {
    let mut layers = Layers::default();
    layers.add_file(Path::new("the cloud's answer"), settings);
    resolve(&mut layers);
    resolve_broker(&mut layers);
    let mut problems = layers.finish();
    problems.retain(|problem| problem.severity == Severity::Error);
    problems
}
