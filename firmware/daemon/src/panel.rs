//! The front of the box: a lamp that tells whether calls are taken, a button that stops the box in
//! good order, and the watchdog, which only the stages' progress feeds.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use embedded_hal::digital::{InputPin, OutputPin};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;
use trunkside_board::sim::SimBoard;
use trunkside_board::{
    BoardError, Button, ButtonEvent, DeviceWatchdog, Lamp, Pattern, Progress, Verdict, Watchdog,
    WatchdogTimer,
};

use crate::clock::Clock;
use crate::config::{BoardConfig, BoardKind};
use crate::supervisor;

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

/// The panel's parts and what they show.
struct Panel<L, B, W> {
    lamp: Lamp<L>,
    button: Button<B>,
    timer: Option<W>,
    watchdog: Watchdog,
    judge_at: Duration,
    verdict: Verdict,
}

/// The pipeline's place among the judged stages.
const PIPELINE: usize = 0;

impl<L: OutputPin, B: InputPin, W: WatchdogTimer> Panel<L, B, W> {
    fn new(lamp: L, button: B, timer: Option<W>) -> Self {
        Self {
            lamp: Lamp::new(lamp),
            button: Button::new(button),
            timer,
            watchdog: Watchdog::new(Duration::ZERO, 2, STUCK_AFTER),
            judge_at: Duration::ZERO,
            verdict: Verdict::Alive,
        }
    }

    /// Looks at everything once; tells whether the button was held, which asks for an orderly stop.
    fn tick(&mut self, now: Duration, pulses: &Pulses) -> Result<bool, BoardError> {
        if now >= self.judge_at {
            self.judge_at = now + JUDGE_EVERY;
            self.judge(now, pulses)?;
        }
        let pattern = match self.verdict {
            Verdict::Alive => Pattern::On,
            Verdict::Stuck(_) => Pattern::Fast,
        };
        self.lamp.show(now, pattern)?;
        Ok(self.button.read(now)? == Some(ButtonEvent::Held))
    }

    fn judge(&mut self, now: Duration, pulses: &Pulses) -> Result<(), BoardError> {
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
        if verdict == Verdict::Stuck(PIPELINE) {
            return Ok(());
        }
        supervisor::alive();
        self.timer.as_mut().map_or(Ok(()), W::feed)
    }

    fn stop(&mut self, now: Duration) -> Result<(), BoardError> {
        self.lamp.show(now, Pattern::Off)?;
        self.timer.as_mut().map_or(Ok(()), W::disarm)
    }
}

/// Opens the panel. What it returns must be run: it ends at `stop`, and cancels `asked` when its
/// button is held.
pub fn open(
    config: &BoardConfig,
    pulses: Pulses,
    stop: CancellationToken,
    asked: CancellationToken,
) -> Result<BoxFuture<'static, ()>, BoardError> {
    let timer = config
        .watchdog
        .as_deref()
        .map(DeviceWatchdog::open)
        .transpose()?;
    match config.kind {
        BoardKind::Simulated => {
            // Nobody can press it, so it need not be looked at often.
            let board = SimBoard::new();
            let panel = Panel::new(board.lamp_pin(0), board.button_pin(), timer);
            begin(panel, JUDGE_EVERY, pulses, stop, asked)
        }
        #[cfg(feature = "rppal")]
        BoardKind::Raspberry => {
            let board = trunkside_board::raspberry::Raspberry::open()?;
            let lamp = board.output(config.lamp_pin)?;
            let button = board.input(config.button_pin)?;
            let panel = Panel::new(lamp, button, timer);
            begin(panel, BUTTON_TICK, pulses, stop, asked)
        }
        #[cfg(not(feature = "rppal"))]
        BoardKind::Raspberry => Err(BoardError::GiveUp {
            what: "the Raspberry Pi's pins".into(),
            cause: "this binary was built without the feature `rppal`".into(),
            remedy: "build it with `scripts/arm build`, or set `board.kind` to `simulated`".into(),
        }),
    }
}

/// Lights the lamp and feeds the watchdog for the first time, before anything is waited for.
fn begin<L, B, W>(
    mut panel: Panel<L, B, W>,
    period: Duration,
    pulses: Pulses,
    stop: CancellationToken,
    asked: CancellationToken,
) -> Result<BoxFuture<'static, ()>, BoardError>
where
    L: OutputPin + Send + 'static,
    B: InputPin + Send + 'static,
    W: WatchdogTimer + 'static,
{
    panel.tick(Duration::ZERO, &pulses)?;
    Ok(watch(panel, period, pulses, stop, asked).boxed())
}

async fn watch<L: OutputPin, B: InputPin, W: WatchdogTimer>(
    mut panel: Panel<L, B, W>,
    period: Duration,
    pulses: Pulses,
    stop: CancellationToken,
    asked: CancellationToken,
) {
    let clock = Clock::start();
    let mut faulty = false;
    while !stop.is_cancelled() {
        let now = clock.now();
        match panel.tick(now, &pulses) {
            Ok(held) => {
                faulty = false;
                if held {
                    tracing::info!("the button was held: stopping");
                    asked.cancel();
                }
            }
            // Once, not a hundred times a second.
            Err(error) if !faulty => {
                faulty = true;
                tracing::warn!(%error, "the front panel does not work");
            }
            Err(_) => {}
        }
        tokio::select! {
            () = clock.sleep_until(Some(now + period)) => {}
            () = stop.cancelled() => {}
        }
    }
    if let Err(error) = panel.stop(clock.now()) {
        tracing::warn!(%error, "the front panel did not stop in order");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Lets the panel run every 10 ms between two times; true when its button was held.
    fn run<L: OutputPin, B: InputPin, W: WatchdogTimer>(
        panel: &mut Panel<L, B, W>,
        board: &mut SimBoard,
        pulses: &Pulses,
        from: Duration,
        to: Duration,
    ) -> bool {
        let mut held = false;
        let mut now = from;
        while now < to {
            board.run_to(now);
            held |= panel.tick(now, pulses).expect("simulated pins work");
            now += BUTTON_TICK;
        }
        held
    }

    fn panel_on(
        board: &SimBoard,
    ) -> Panel<impl OutputPin + use<>, impl InputPin + use<>, impl WatchdogTimer + use<>> {
        Panel::new(
            board.lamp_pin(0),
            board.button_pin(),
            Some(board.watchdog()),
        )
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
        panel.stop(seconds(1)).expect("simulated pins work");
        assert!(!board.lamp_changes().last().expect("it was lit").lit);
        assert!(board.is_watchdog_disarmed());
    }
}
