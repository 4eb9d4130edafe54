//! What the log says of the models that callers are heard with.

use super::*;

#[tokio::test]
async fn models_that_are_swapped_are_noted_once_with_the_calls_that_go_on_with_those_before() {
    let mut branch = Branch::occupied("");
    let first = branch.pipeline.legs[&LegId::incoming(1)];
    let log = branch.folder.path().join("decisions.jsonl");
    let other = Arc::new(Models {
        speech: None,
        intents: Some(trunkside_decision::log::Model {
            name: "shipped+1".to_owned(),
            sha256: "ab".repeat(32),
        }),
    });
    for number in [2, 3] {
        let call = branch.rings(number, CALLER).expect("it is taken");
        let mut said = heard("i lost my card", 0.9, Emotion::Neutral, true);
        said.call = call;
        said.models = Arc::clone(&other);
        branch.pipeline.understanding(branch.now, said);
        branch.settle();
    }
    branch.says(first, "and another thing", true);
    let Branch { pipeline, .. } = branch;
    pipeline.stages.recorder.stop();
    let text = std::fs::read_to_string(&log).expect("it is written");
    let noted: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("\"entry\":\"models\""))
        .collect();
    let last = noted.last().expect("it is noted");
    assert!(
        last.contains("shipped+1") && last.contains(&first.to_string()),
        "{last}"
    );
    assert_eq!(
        noted
            .iter()
            .filter(|line| line.contains("shipped+1"))
            .count(),
        1
    );
    let report = trunkside_decision::replay_file(&log, None).expect("it is a log");
    assert_eq!(report.differences, []);
    assert!(report.models.contains(&other));
}
