//! A phone of the box's calls a code.

use super::*;

fn called(greeting: Greeting, sdp: &str) -> (Bench, Vec<Output>) {
    let mut bench = Bench::new(greeting);
    let outputs = bench.caller(LegEvent::CodeCalled {
        from: "li_na".into(),
        code: "*11".into(),
        sdp: sdp.as_bytes().to_vec(),
    });
    (bench, outputs)
}

fn acknowledged(bench: &mut Bench) -> Vec<Output> {
    let sound = PromptKey::Away;
    bench.order(Order::Acknowledge { sound })
}

#[test]
fn a_code_is_answered_with_its_sound_and_the_call_ends_with_that() {
    // With or without an offer, and though callers may be greeted in early media.
    for (greeting, sdp) in [(Greeting::Early, CALLER_SDP), (Greeting::Connected, "")] {
        let (mut bench, outputs) = called(greeting, sdp);
        assert_eq!((commands(&outputs), events(&outputs)), (vec![], vec![]));
        let answered = acknowledged(&mut bench);
        let caller = bench.caller;
        assert_eq!(commands(&answered), [(caller, "answer")]);
        let sound = MediaCommand::Play {
            side: Side::Caller,
            prompt: PromptKey::Away,
            repeat: Repeat::Once,
        };
        assert!(media(&answered).contains(&sound), "{answered:?}");
        let over = bench.input(Input::PromptDone(Side::Caller));
        assert_eq!(commands(&over), [(caller, "hang up")]);
        assert!(bench.flow.is_over());
    }
}

#[test]
fn a_sound_whose_end_is_never_told_ends_the_call_all_the_same() {
    let (mut bench, _) = called(Greeting::Connected, CALLER_SDP);
    acknowledged(&mut bench);
    let late = bench.wait(secs(30));
    assert_eq!(commands(&late), [(bench.caller, "hang up")]);
    let (mut bench, _) = called(Greeting::Connected, CALLER_SDP);
    acknowledged(&mut bench);
    let cause = EndCause::Bye;
    bench.caller(LegEvent::Ended { cause });
    assert!(bench.flow.is_over(), "the agent hangs up first");
}
