//! Another speech model takes the place of the one in force while a call runs: that call is heard
//! to its end with the old one, the next with the new one; a model that cannot be used changes nothing.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use e2e::audio::recording;
use e2e::branch::{BEFORE_SPEAKING, Branch, Phone};
use e2e::process::{binary, has_peer};
use e2e::sipp::succeed;
use e2e::voice::Voice;
use serde_json::Value;

/// Adds the model of `models/tests/contracts.py` that gives the same script whatever it hears.
fn add_script_model(models: &Path) {
    let contract =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/tests/data/contracts/script-ctc");
    let added = Command::new(binary("trunkside"))
        .args(["models", "add", "--name", "script", "--models"])
        .arg(models)
        .args([contract.join("model.onnx"), contract.join("tokens.txt")])
        .output()
        .unwrap();
    assert!(added.status.success(), "{added:?}");
}

fn settings(model: &str, models: &Path) -> String {
    let folder = models.display();
    format!("[recognition]\nmodel = \"{model}\"\nmodels_dir = \"{folder}\"\n")
}

/// Waits for a fact about the box that it tells the cloud.
fn health(branch: &mut Branch, key: &str, wanted: &Value) {
    branch.watcher.wait_for(key, |message| {
        let is_fleet = message.topic.ends_with("/fleet");
        let batch: Value = serde_json::from_slice(&message.payload).ok()?;
        let records = batch["records"].as_array()?;
        let found = records.iter().any(|record| record["body"][key] == *wanted);
        (is_fleet && found).then_some(())
    });
}

/// A call as the box's own people may see it.
fn shown(branch: &Branch, call: &str) -> Value {
    let shown = Command::new(binary("trunkside"))
        .args(["calls", "show", call, "--json", "--config"])
        .arg(branch.home.config())
        .output()
        .unwrap();
    assert!(shown.status.success(), "{shown:?}");
    serde_json::from_slice(&shown.stdout).expect("one JSON object")
}

#[test]
fn old_calls_keep_their_model_and_new_ones_have_the_new() {
    if !has_peer("sipp") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let models: PathBuf = folder.path().join("models");
    add_script_model(&models);
    let phone = Phone::new(Voice::silent());
    let mut branch = Branch::start_with(vec![phone.agent("li_na", false)], |box_settings| {
        box_settings.more = settings("zh-en-1", &models);
        box_settings.listen_timeout_s = 14;
    });
    let call = |branch: &mut Branch, speaks_after: Duration| {
        let agent = phone.run("agent_answers");
        let caller = Voice::saying(&recording("balance_zh.wav"), speaks_after);
        let calling = branch
            .carrier("carrier_hangs_up", &caller)
            .pause_ms(16_000)
            .start();
        let model = branch.running.process.wait_for("a call", |line| {
            let (_, model) = line.split_once("listening")?.1.split_once("model=")?;
            Some(model.trim().trim_matches('"').to_owned())
        });
        ((agent, caller), calling, model)
    };

    let (first, first_call, model) = call(&mut branch, Duration::from_secs(9));
    assert_eq!(model, "zh-en-1");
    branch.home.add_settings(&settings("script", &models));
    branch.running.process.wait_for("the new model", |line| {
        line.contains("another speech model is in force")
            .then_some(())
    });
    health(&mut branch, "model", &Value::from("script"));
    succeed(first_call);
    drop(first);
    let calls = branch.cloud.wait_for_calls(1);
    assert_eq!(calls[0]["intent"]["name"], "balance_inquiry", "{calls:?}");

    branch.home.add_settings(&settings("nowhere", &models));
    branch.running.process.wait_for("the refusal", |line| {
        line.contains("the one before stays in force").then_some(())
    });
    health(&mut branch, "models_refused", &Value::from(1));
    let (_second, second_call, model) = call(&mut branch, BEFORE_SPEAKING);
    assert_eq!(model, "script");
    succeed(second_call);
    let calls = branch.cloud.wait_for_calls(2);
    assert_eq!(calls.len(), 2, "{calls:?}");
    assert_ne!(calls[0]["intent"]["name"], "balance_inquiry", "{calls:?}");
    for (call, model) in calls.iter().zip(["script", "zh-en-1"]) {
        let shown = shown(&branch, call["call"].as_str().expect("a call has a name"));
        assert_eq!(shown["models"]["speech"]["name"], model, "{shown}");
        assert_eq!(shown["models"]["intents"]["name"], "shipped", "{shown}");
    }
}
