//! Agents who call codes, from phones that the tests play.

use super::*;

/// Ann's phone registers, and she may take breaks.
const BREAKS: &str = "[[agent]]\nid = \"ann\"\ncontact = \"registered:2001\"\n\
    [queue]\nmax_wait_s = 600\nwrap_up_s = 60\n[[break]]\nreason = \"lunch\"\ncode = \"*11\"\nmax_s = 300\n\
    [codes]\nback = \"*12\"\nwrap_up_over = \"*13\"\n";

impl Branch {
    /// Somebody's phone calls a code; what it is answered with.
    fn codes(&mut self, number: u64, from: &str, code: &str) -> Vec<LegCommand> {
        self.told();
        let leg = LegId::incoming(number);
        let called = LegEvent::CodeCalled {
            from: from.to_owned(),
            code: code.to_owned(),
            sdp: self.sdp(),
        };
        self.happens(leg, called);
        let told = self.told().into_iter();
        told.filter(|told| told.leg == leg)
            .map(|told| told.what)
            .collect()
    }

    /// Whether a caller who wants something is offered to Ann's phone.
    fn reaches_ann(&mut self, number: u64) -> bool {
        let call = self.rings(number, CALLER).expect("it is taken");
        self.says(call, "i lost my card", true);
        let rings = |told: &SipCommand| matches!(told.what, LegCommand::Dial { .. });
        self.told().iter().any(rings)
    }
}

#[tokio::test]
async fn an_agent_is_away_and_back_by_codes_from_their_phone() {
    let mut branch = Branch::new("");
    branch.goes_on_under(parsed(BREAKS), Phones::default());
    branch.registers("2001", true);
    let answered = |told: &[LegCommand]| matches!(told, [LegCommand::Answer { .. }]);
    assert!(answered(&branch.codes(1, "2001", "*11")));
    assert!(!branch.reaches_ann(2));
    // The tones have been heard, and the box hangs up.
    let done = tokio::time::timeout(DEADLINE, branch.pipeline.media_events.recv());
    let (call, event) = done
        .await
        .expect("they are played")
        .expect("media are there");
    branch.pipeline.media(branch.now, call, event);
    branch.settle();
    let hung_up = command(LegId::incoming(1), LegCommand::HangUp);
    assert!(branch.told().contains(&hung_up));
    assert!(branch.pipeline.phone_calls.is_empty());
    let noted = branch.pipeline.breaks.get(&AgentId::new("ann"));
    assert_eq!(noted.map(|taken| taken.reason.as_str()), Some("lunch"));
    assert!(answered(&branch.codes(3, "2001", "*12")));
    assert!(branch.pipeline.breaks.is_empty());
    assert_eq!(branch.pipeline.router.waiting(), 0, "who waits is offered");
    // Who is nobody's agent says nothing, and neither does a number that is no code.
    for (from, code) in [("2002", "*11"), ("2001", "*19")] {
        let refused = branch.codes(5, from, code);
        assert_eq!(refused, [LegCommand::Reject { status: 404 }]);
    }
}

#[tokio::test]
async fn notes_that_are_written_are_over_by_a_code() {
    let mut branch = Branch::new("");
    branch.goes_on_under(parsed(BREAKS), Phones::default());
    branch.registers("2001", true);
    assert!(branch.reaches_ann(1));
    branch.answers(LegId::incoming(1).branch(1));
    branch.hangs_up(LegId::incoming(1));
    assert!(!branch.reaches_ann(2));
    branch.codes(3, "2001", "*13");
    assert_eq!(branch.pipeline.router.waiting(), 0, "who waits is offered");
}
