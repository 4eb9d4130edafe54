//! The front of the box: a lamp that tells whether calls are taken, a button that stops the box in
//! good order, and the watchdog, which only the stages' progress feeds. No call needs it: what does not
//! work is told, done without, and opened again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use embedded_hal::digital::{InputPin, OutputPin};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
#[cfg(feature = "rppal")]
use trunkside_board::raspberry::Raspberry;
use trunkside_board::sim::SimBoard;
#[cfg(not(feature = "rppal"))]
use trunkside_board::sim::SimPin;
use trunkside_board::{
    BoardError, Button, ButtonEvent, DeviceWatchdog, Lamp, Pattern, Progress, Verdict, Watchdog,
    WatchdogTimer,
};

use crate::clock::Clock;
use crate::cloud::alarm::Part;
use crate::config::{BoardConfig, BoardKind};
use crate::storage::recorder::RETRY;
use crate::systemd;

/// What the alarm is of.
pub const FRONT: Part = Part {
    code: "front_panel",
    raised: "lamp, button or watchdog do not work",
    cleared: "lamp, button and watchdog work again",
};

/// How often a button must be looked at, where there is one.
#[cfg(any(test, feature = "rppal"))]
const BUTTON_TICK: Duration = Duration::from_millis(10);

/// How often the stages are judged, and the watchdog is fed.
const JUDGE_EVERY: Duration = Duration::from_secs(1);

/// How long a stage may work on one thing. Longer than any disk takes that will recover.
const STUCK_AFTER: Duration = Duration::from_secs(30);

/// Counts what a stage takes on and finishes; clones count for the same stage.
#[derive(Clone, Debug, Default)]
pub struct Pulse(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    taken: AtomicU64,
    finished: AtomicU64,
}

impl Pulse {
    /// A piece of work begins, or waits to.
    pub fn taken(&self) {
        self.0.taken.fetch_add(1, Ordering::Relaxed);
    }

    /// A piece of work is done.
    pub fn finished(&self) {
        self.0.finished.fetch_add(1, Ordering::Relaxed);
    }

    fn progress(&self) -> Progress {
        // In this order a piece counted in between only looks unfinished a little longer.
        let finished = self.0.finished.load(Ordering::Relaxed);
        let taken = self.0.taken.load(Ordering::Relaxed);
        Progress { taken, finished }
    }
}

/// The stages that must move.
#[derive(Clone, Debug, Default)]
pub struct Pulses {
    /// Without it no call is answered: the watchdog may reset the box.
    pub pipeline: Pulse,
    /// Without it calls go on but are not recorded: the lamp asks for help, calls are left alone.
    pub recorder: Pulse,
}

/// Opens a piece of the panel.
type Opens<T> = Box<dyn Fn() -> Result<T, BoardError> + Send>;

/// A piece of the panel, opened when it is first needed and again after it was lost.
struct Piece<T> {
    opens: Opens<T>,
    open: Option<T>,
    fault: Option<String>,
    retry_at: Duration,
}

impl<T> Piece<T> {
    fn new(opens: Opens<T>) -> Self {
        Self {
            opens,
            open: None,
            fault: None,
            retry_at: Duration::ZERO,
        }
    }

    /// Does something with it; nothing where it does not work.
    fn with<R>(
        &mut self,
        now: Duration,
        work: impl FnOnce(&mut T) -> Result<R, BoardError>,
    ) -> Option<R> {
        if self.open.is_none() && now < self.retry_at {
            return None;
        }
        match self.attempt(work) {
            Ok(done) => {
                if self.fault.take().is_some() {
                    tracing::info!("what did not work at the front of the box works again");
                }
                Some(done)
            }
            Err(error) => {
                if !matches!(error, BoardError::Retry { .. }) {
                    self.open = None;
                    self.retry_at = now + RETRY;
                }
                self.note(&error);
                None
            }
        }
    }

    fn attempt<R>(
        &mut self,
        work: impl FnOnce(&mut T) -> Result<R, BoardError>,
    ) -> Result<R, BoardError> {
        let open = match self.open.take() {
            Some(open) => open,
            None => (self.opens)()?,
        };
        work(self.open.insert(open))
    }

    /// Tells of a fault once, not a hundred times a second.
    fn note(&mut self, error: &BoardError) {
        let error = error.to_string();
        if self.fault.as_ref() != Some(&error) {
            tracing::error!(
                error,
                "the front of the box does not work whole; calls are taken, trying again"
            );
            self.fault = Some(error);
        }
    }
}

/// The panel's pieces and what they show.
struct Panel<L, B, W> {
    lamp: Piece<Lamp<L>>,
    button: Piece<Button<B>>,
    timer: Option<Piece<W>>,
    watchdog: Watchdog,
    judge_at: Duration,
    verdict: Verdict,
    trouble: watch::Sender<Option<String>>,
}

/// The pipeline's place among the judged stages.
const PIPELINE: usize = 0;

impl<L, B, W> Panel<L, B, W>
where
    L: OutputPin + 'static,
    B: InputPin + 'static,
    W: WatchdogTimer,
{
    fn new(lamp: Opens<L>, button: Opens<B>, timer: Option<Opens<W>>) -> Self {
        Self {
            lamp: Piece::new(Box::new(move || lamp().map(Lamp::new))),
            button: Piece::new(Box::new(move || button().map(Button::new))),
            timer: timer.map(Piece::new),
            watchdog: Watchdog::new(Duration::ZERO, 2, STUCK_AFTER),
            judge_at: Duration::ZERO,
            verdict: Verdict::Alive,
            trouble: watch::Sender::new(None),
        }
    }

    /// Looks at everything once; tells whether the button was held, which asks for an orderly stop.
    fn tick(&mut self, now: Duration, pulses: &Pulses) -> bool {
        let due = now >= self.judge_at;
        if due {
            self.judge_at = now + JUDGE_EVERY;
            self.judge(now, pulses);
        }
        let pattern = match self.verdict {
            Verdict::Alive => Pattern::On,
            Verdict::Stuck(_) => Pattern::Fast,
        };
        self.lamp.with(now, |lamp| lamp.show(now, pattern));
        let event = self.button.with(now, |button| button.read(now));
        // Opening it arms it, so it comes last.
        if due && self.verdict != Verdict::Stuck(PIPELINE) {
            systemd::alive();
            if let Some(timer) = &mut self.timer {
                timer.with(now, W::feed);
            }
        }
        self.tell();
        event.flatten() == Some(ButtonEvent::Held)
    }

    fn judge(&mut self, now: Duration, pulses: &Pulses) {
        let progress = [pulses.pipeline.progress(), pulses.recorder.progress()];
        let verdict = self.watchdog.judge(now, &progress);
        if verdict != self.verdict {
            match verdict {
                Verdict::Alive => tracing::info!("every stage moves again"),
                Verdict::Stuck(PIPELINE) => {
                    tracing::error!("the pipeline is stuck; the watchdog is no longer fed");
                }
                Verdict::Stuck(_) => tracing::error!("the recorder is stuck; check the disk"),
            }
            self.verdict = verdict;
        }
    }

    /// Passes on what does not work, when that changes.
    fn tell(&self) {
        let timer = self.timer.as_ref().and_then(|timer| timer.fault.as_deref());
        let faults = [
            self.lamp.fault.as_deref(),
            self.button.fault.as_deref(),
            timer,
        ];
        let mut faults: Vec<&str> = faults.into_iter().flatten().collect();
        faults.dedup();
        let trouble = (!faults.is_empty()).then(|| faults.join("; "));
        self.trouble.send_if_modified(|told| {
            let changed = *told != trouble;
            *told = trouble;
            changed
        });
    }

    fn stop(&mut self, now: Duration) {
        self.lamp.with(now, |lamp| lamp.show(now, Pattern::Off));
        if let Some(timer) = &mut self.timer {
            timer.with(now, W::disarm);
        }
    }
}

/// The panel at work: it ends at `stop`.
pub type Work = BoxFuture<'static, ()>;

/// Opens the panel. The work that it returns must be run, and cancels `asked` when the button is held;
/// beside it stands what does not work.
pub fn open(
    config: &BoardConfig,
    pulses: Pulses,
    stop: CancellationToken,
    asked: CancellationToken,
) -> (Work, watch::Receiver<Option<String>>) {
    let timer = config.watchdog.clone().map(|device| {
        let opens: Opens<_> = Box::new(move || DeviceWatchdog::open(&device));
        opens
    });
    match config.kind {
        BoardKind::Simulated => {
            let board = SimBoard::new();
            let (lamp, button) = (board.lamp_pin(0), board.button_pin());
            let lamp: Opens<_> = Box::new(move || Ok(lamp.clone()));
            let button: Opens<_> = Box::new(move || Ok(button.clone()));
            let panel = Panel::new(lamp, button, timer);
            // Nobody can press it, so it need not be looked at often.
            begin(panel, JUDGE_EVERY, pulses, stop, asked)
        }
        #[cfg(feature = "rppal")]
        BoardKind::Raspberry => {
            let (lamp, button) = (config.lamp_pin, config.button_pin);
            let lamp: Opens<_> = Box::new(move || Raspberry::open()?.output(lamp));
            let button: Opens<_> = Box::new(move || Raspberry::open()?.input(button));
            let panel = Panel::new(lamp, button, timer);
            begin(panel, BUTTON_TICK, pulses, stop, asked)
        }
        #[cfg(not(feature = "rppal"))]
        BoardKind::Raspberry => {
            let none = || -> Result<SimPin, BoardError> {
                Err(BoardError::GiveUp {
                    what: "the Raspberry Pi's pins".into(),
                    cause: "this binary was built without the feature `rppal`".into(),
                    remedy: "build it with `scripts/arm build`, or set `board.kind` to `simulated`"
                        .into(),
                })
            };
            let panel = Panel::new(Box::new(none), Box::new(none), timer);
            begin(panel, JUDGE_EVERY, pulses, stop, asked)
        }
    }
}

/// Lights the lamp and feeds the watchdog for the first time, before anything is waited for.
fn begin<L, B, W>(
    mut panel: Panel<L, B, W>,
    period: Duration,
    pulses: Pulses,
    stop: CancellationToken,
    asked: CancellationToken,
) -> (Work, watch::Receiver<Option<String>>)
where
    L: OutputPin + Send + 'static,
    B: InputPin + Send + 'static,
    W: WatchdogTimer + 'static,
{
    panel.tick(Duration::ZERO, &pulses);
    let trouble = panel.trouble.subscribe();
    (run(panel, period, pulses, stop, asked).boxed(), trouble)
}

async fn run<L, B, W>(
    mut panel: Panel<L, B, W>,
    period: Duration,
    pulses: Pulses,
    stop: CancellationToken,
    asked: CancellationToken,
) where
    L: OutputPin + 'static,
    B: InputPin + 'static,
    W: WatchdogTimer,
{
    let clock = Clock::start();
    while !stop.is_cancelled() {
        let now = clock.now();
        if panel.tick(now, &pulses) && !asked.is_cancelled() {
            tracing::info!("the button was held: stopping");
            asked.cancel();
        }
        tokio::select! {
            () = clock.sleep_until(Some(now + period)) => {}
            () = stop.cancelled() => {}
        }
    }
    panel.stop(clock.now());
}

#[cfg(test)]
mod tests {
    use trunkside_board::sim::{SimPin, SimWatchdog};

    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Lets the panel run every 10 ms between two times; true when its button was held.
    fn run<L, B, W>(
        panel: &mut Panel<L, B, W>,
        board: &mut SimBoard,
        pulses: &Pulses,
        from: Duration,
        to: Duration,
    ) -> bool
    where
        L: OutputPin + 'static,
        B: InputPin + 'static,
        W: WatchdogTimer,
    {
        let mut held = false;
        let mut now = from;
        while now < to {
            board.run_to(now);
            held |= panel.tick(now, pulses);
            now += BUTTON_TICK;
        }
        held
    }

    type SimPanel = Panel<SimPin, SimPin, SimWatchdog>;

    /// A panel whose pieces open unless they are broken.
    fn panel_that(
        board: &SimBoard,
        broken: impl Fn(&str) -> bool + Clone + Send + 'static,
    ) -> SimPanel {
        fn opens<T: Clone + Send + 'static>(
            what: &'static str,
            piece: T,
            broken: impl Fn(&str) -> bool + Send + 'static,
        ) -> Opens<T> {
            Box::new(move || {
                if !broken(what) {
                    return Ok(piece.clone());
                }
                Err(BoardError::GiveUp {
                    what: what.to_owned(),
                    cause: "no such file".to_owned(),
                    remedy: "mend it".to_owned(),
                })
            })
        }
        Panel::new(
            opens("lamp", board.lamp_pin(0), broken.clone()),
            opens("button", board.button_pin(), broken.clone()),
            Some(opens("watchdog", board.watchdog(), broken)),
        )
    }

    fn panel_on(board: &SimBoard) -> SimPanel {
        panel_that(board, |_| false)
    }

    #[test]
    fn a_piece_that_does_not_work_is_told_done_without_and_opened_again() {
        for broken in ["lamp", "button", "watchdog"] {
            let mut board = SimBoard::new();
            let mended = Arc::new(AtomicU64::new(0));
            let is_mended = Arc::clone(&mended);
            let mut panel = panel_that(&board, move |what| {
                what == broken && is_mended.load(Ordering::Relaxed) == 0
            });
            let pulses = Pulses::default();
            let mut trouble = panel.trouble.subscribe();
            run(&mut panel, &mut board, &pulses, seconds(0), seconds(9));
            assert_eq!(board.lamp_changes().is_empty(), broken == "lamp");
            assert_eq!(board.feeds().is_empty(), broken == "watchdog");
            let told = trouble.borrow_and_update().clone().expect("trouble");
            assert!(told.contains(broken) && told.contains("mend it"), "{told}");
            mended.store(1, Ordering::Relaxed);
            board.press_button(seconds(15), seconds(6));
            let held = run(&mut panel, &mut board, &pulses, seconds(9), seconds(21));
            assert!(held && !board.lamp_changes().is_empty() && !board.feeds().is_empty());
            assert!(trouble.has_changed().unwrap() && trouble.borrow_and_update().is_none());
        }
    }

    /// A device that is lost in its second second, and fed until then or when it is opened again.
    struct Loose(SimWatchdog, u32);

    impl WatchdogTimer for Loose {
        fn feed(&mut self) -> Result<(), BoardError> {
            self.1 += 1;
            if self.1 == 2 {
                return Err(BoardError::Rebuild {
                    what: "watchdog".to_owned(),
                    cause: "no such device".to_owned(),
                });
            }
            self.0.feed()
        }

        fn disarm(&mut self) -> Result<(), BoardError> {
            self.0.disarm()
        }
    }

    #[test]
    fn a_watchdog_that_is_lost_is_opened_again_before_it_resets_the_box() {
        let mut board = SimBoard::new();
        let (lamp, button, device) = (board.lamp_pin(0), board.button_pin(), board.watchdog());
        let mut panel = Panel::new(
            Box::new(move || Ok(lamp.clone())),
            Box::new(move || Ok(button.clone())),
            Some(Box::new(move || Ok(Loose(device.clone(), 0)))),
        );
        let pulses = Pulses::default();
        run(&mut panel, &mut board, &pulses, seconds(0), seconds(7));
        assert_eq!(board.feeds().len(), 2, "once, and once after it was lost");
    }

    #[test]
    fn a_box_that_takes_calls_is_lit_and_feeds_its_watchdog() {
        let mut board = SimBoard::new();
        let mut panel = panel_on(&board);
        run(
            &mut panel,
            &mut board,
            &Pulses::default(),
            seconds(0),
            seconds(5),
        );
        assert_eq!(board.feeds().len(), 5);
        let lit: Vec<bool> = board.lamp_changes().iter().map(|c| c.lit).collect();
        assert_eq!(lit, [true]);
    }

    #[test]
    fn a_stuck_pipeline_starves_the_watchdog_and_a_stuck_recorder_does_not() {
        for (stuck_stage, feeds) in [(PIPELINE, 31), (1, 40)] {
            let mut board = SimBoard::new();
            let mut panel = panel_on(&board);
            let pulses = Pulses::default();
            let stage = [&pulses.pipeline, &pulses.recorder][stuck_stage];
            stage.taken();
            run(&mut panel, &mut board, &pulses, seconds(0), seconds(40));
            assert_eq!(board.feeds().len(), feeds, "stage {stuck_stage}");
            assert!(board.lamp_changes().len() > 10, "the lamp blinks for help");
            stage.finished();
            run(&mut panel, &mut board, &pulses, seconds(40), seconds(42));
            assert_eq!(board.feeds().len(), feeds + 2, "stage {stuck_stage}");
            assert!(board.lamp_changes().last().expect("it was lit").lit);
        }
    }

    #[test]
    fn only_a_held_button_stops_the_box() {
        let mut board = SimBoard::new();
        let mut panel = panel_on(&board);
        let pulses = Pulses::default();
        board.press_button(seconds(1), seconds(1));
        assert!(!run(
            &mut panel,
            &mut board,
            &pulses,
            seconds(0),
            seconds(9)
        ));
        board.press_button(seconds(10), seconds(6));
        assert!(run(
            &mut panel,
            &mut board,
            &pulses,
            seconds(9),
            seconds(16)
        ));
    }

    #[test]
    fn an_orderly_stop_darkens_the_lamp_and_disarms_the_watchdog() {
        let mut board = SimBoard::new();
        let mut panel = panel_on(&board);
        run(
            &mut panel,
            &mut board,
            &Pulses::default(),
            seconds(0),
            seconds(1),
        );
        panel.stop(seconds(1));
        assert!(!board.lamp_changes().last().expect("it was lit").lit);
        assert!(board.is_watchdog_disarmed());
    }
}
