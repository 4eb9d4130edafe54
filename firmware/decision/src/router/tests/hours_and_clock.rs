//! When the branch is closed, and a clock that jumps.

use super::*;

#[test]
fn a_closed_branch_calls_back_unless_a_rule_says_otherwise() {
    let text = BRANCH.replace("when_closed = \"route\"", "when_closed = \"callback\"");
    let mut desk = Desk::new(&text);
    desk.tell(Input::AgentAvailable { agent: li_na() });
    let sunday = date(2026, 11, 22).at(10, 0, 0, 0);
    desk.tell(Input::LocalTime { local: sunday });
    let refund = desk.ready(1, wants("refund"));
    assert_eq!(
        actions(&refund),
        [Action::Callback {
            cause: CallbackCause::Closed
        }]
    );
    assert_eq!(
        actions(&desk.ready(2, wants("lost_card"))),
        [offer(li_na())]
    );
    desk.ended(2);
    // The clock runs on by itself to Monday morning.
    desk.pass(23 * 3600);
    assert_eq!(actions(&desk.ready(3, wants("refund"))), [offer(li_na())]);
}

#[test]
fn a_clock_that_jumps_back_is_held() {
    let mut desk = Desk::branch();
    desk.now = Duration::from_secs(100);
    desk.ready(1, wants("refund"));
    desk.now = Duration::from_secs(5);
    let decisions = desk.ready(2, wants("refund"));
    assert_eq!(decisions[0].at, Duration::from_secs(100));
}
