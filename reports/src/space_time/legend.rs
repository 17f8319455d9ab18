//! What stands below a diagram: the legend of what was drawn, what was not drawn, and the proof.

use std::collections::BTreeSet;

use super::ink::{Ink, Stands, Stroke, stroke};
use super::layout::WIDTH;
use super::thinning::Plan;
use crate::drawing::palette::{ALARM, BLUE, GREEN, INK, ORANGE, PURPLE, SKY, SOFT, VERMILLION};
use crate::drawing::{LABEL, SMALL, broken, width};

/// Something that a legend explains. In the order in which it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sign {
    /// A record.
    Record,
    /// A record that was in flight at a cut, or that a restore put back.
    InFlight,
    /// A record that crosses a cut the wrong way.
    Orphan,
    /// A barrier.
    Mark,
    /// A mark that cancels a checkpoint.
    Cancel,
    /// A record that is gone.
    Lost,
    /// Blocked inputs.
    Blocked,
    /// The synchronous part of a snapshot.
    Sync,
    /// The asynchronous one, and the upload.
    Async,
    /// An order to begin a checkpoint.
    Order,
    /// An acknowledgement.
    Ack,
    /// A cut of a checkpoint that completed.
    Cut,
    /// A cut of one that did not.
    OpenCut,
    /// A cut that an oracle objects to.
    BlamedCut,
    /// A commit.
    Commit,
    /// A crash.
    Crash,
    /// Not all tasks run.
    Down,
    /// State that is read.
    Restore,
    /// To blame.
    Guilty,
    /// What the sender had done at a torn cut.
    Sender,
    /// What the receiver had done.
    Receiver,
}

impl Sign {
    fn name(self) -> &'static str {
        match self {
            Sign::Record => "record",
            Sign::InFlight => "record in flight at a cut, or put back",
            Sign::Orphan => "record taken before a cut and sent behind it",
            Sign::Mark => "barrier or marker",
            Sign::Cancel => "cancellation of a checkpoint",
            Sign::Lost => "gone with the restart, or still on its way",
            Sign::Blocked => "inputs blocked (height: share of them)",
            Sign::Sync => "snapshot, synchronous part",
            Sign::Async => "asynchronous part, and upload",
            Sign::Order => "order to begin",
            Sign::Ack => "acknowledgement",
            Sign::Cut => "cut of a completed checkpoint",
            Sign::BlamedCut => "cut that the oracle objects to",
            Sign::OpenCut => "cut of one that did not complete here",
            Sign::Commit => "commit",
            Sign::Crash => "crash",
            Sign::Down => "not all tasks run",
            Sign::Restore => "state is read",
            Sign::Guilty => "to blame",
            Sign::Sender => "at the sender, between its snapshot and the sending",
            Sign::Receiver => "at the receiver, between its snapshot and the taking",
        }
    }

    /// Draws it, 34 wide, around the height 0.
    fn draw(self, ink: &mut Ink, id: &str) {
        let mut arrow = |colour, width, dashes, head: &str| {
            let head = if head.is_empty() { String::new() } else { format!("{id}-{head}") };
            ink.strokes("", Stroke { colour, width, dashes, head: &head });
            ink.line((1.0, 6.0), (33.0, -6.0), "");
            ink.end();
        };
        match self {
            Sign::Record => arrow(SOFT, 1.0, "", "record"),
            Sign::InFlight => arrow(ORANGE, 1.5, "", "flight"),
            Sign::Orphan => arrow(PURPLE, 1.8, "", "ack"),
            Sign::Mark => arrow(BLUE, 2.4, "", "mark"),
            Sign::Cancel => arrow(BLUE, 1.6, "7 4", "mark"),
            Sign::Lost => arrow(SOFT, 1.2, "2 3", ""),
            Sign::Order => arrow(BLUE, 1.2, "2 3", "order"),
            Sign::Ack => arrow(PURPLE, 1.4, "5 3", "ack"),
            Sign::Commit => arrow(INK, 1.2, "1 3", "commit"),
            Sign::Restore => arrow(SKY, 1.6, "7 4", "store"),
            Sign::Guilty => arrow(VERMILLION, 3.4, "", "guilty"),
            Sign::Blocked => ink.rectangle((1.0, -8.0), (33.0, 8.0), &blocked(id), ""),
            Sign::Sync => ink.rectangle((8.0, -7.0), (26.0, 7.0), "fill=\"#6B6B6B\"", ""),
            Sign::Async => {
                ink.rectangle((1.0, -4.5), (24.0, 4.5), "fill=\"#56B4E9\"", "");
                ink.strokes(
                    "",
                    Stroke { colour: SKY, width: 1.4, dashes: "2 3", head: &format!("{id}-store") },
                );
                ink.line((18.0, -7.0), (33.0, 7.0), "");
                ink.end();
            }
            Sign::Cut => line(ink, stroke(GREEN, 3.2)),
            Sign::BlamedCut => line(ink, stroke(VERMILLION, 3.2)),
            Sign::OpenCut => line(ink, Stroke { dashes: "8 5", ..stroke(GREEN, 2.6) }),
            Sign::Crash => cross(ink, (17.0, 0.0)),
            Sign::Down => ink.rectangle((1.0, -8.0), (33.0, 8.0), "fill=\"#D4D4D4\"", ""),
            Sign::Sender => line(ink, stroke(GREEN, 8.0)),
            Sign::Receiver => line(ink, stroke(PURPLE, 8.0)),
        }
    }
}

fn line(ink: &mut Ink, stroke: Stroke<'_>) {
    ink.strokes("", stroke);
    ink.line((1.0, 0.0), (33.0, 0.0), "");
    ink.end();
}

/// The look of blocked inputs.
pub fn blocked(id: &str) -> String {
    format!("fill=\"url(#{id}-hatch)\" stroke=\"#E69F00\" stroke-width=\"0.6\"")
}

/// The sign of a crash.
pub fn cross(ink: &mut Ink, (x, y): (f64, f64)) {
    ink.strokes("", stroke(VERMILLION, 3.2));
    ink.line((x - 7.0, y - 7.0), (x + 7.0, y + 7.0), "");
    ink.line((x - 7.0, y + 7.0), (x + 7.0, y - 7.0), "");
    ink.end();
}

const LEFT: f64 = 24.0;
const ROW: f64 = 25.0;
const SIGN: f64 = 42.0;
const BETWEEN: f64 = 24.0;
/// Where our font is missing, others may be wider by so much.
const OTHER_FONTS: f64 = 1.1;

/// Writes what stands below, from this height on; the lower edge.
pub fn below(
    ink: &mut Ink,
    plan: &Plan<'_>,
    used: &BTreeSet<Sign>,
    id: &str,
    hidden: usize,
    from: f64,
) -> f64 {
    let (mut x, mut y) = (LEFT, from);
    for sign in used {
        let wide = SIGN + width(sign.name(), SMALL) * OTHER_FONTS;
        if x + wide > WIDTH - LEFT && x > LEFT {
            (x, y) = (LEFT, y + ROW);
        }
        ink.at((x, y), |ink| {
            sign.draw(ink, id);
            ink.text(sign.name(), (SIGN, 0.0), SMALL, INK, Stands::Start);
        });
        x += wide + BETWEEN;
    }
    y += if used.is_empty() { 0.0 } else { ROW + 4.0 };
    let most = (WIDTH - 2.0 * LEFT) / OTHER_FONTS;
    let mut notes = plan.left_out.clone();
    if hidden > 0 {
        notes.push(format!("{hidden} of {} tasks are not drawn.", plan.scene.cast.tasks.len()));
    }
    notes.extend(plan.scene.notes.iter().cloned());
    if !notes.is_empty() {
        for line in broken(&notes.join(" "), SMALL, most) {
            ink.text(&line, (LEFT, y), SMALL, SOFT, Stands::Start);
            y += ROW * 0.8;
        }
        y += 6.0;
    }
    if let Some(witness) = &plan.scene.witness {
        y += 8.0;
        let others = match witness.others.as_slice() {
            [] => String::new(),
            others => format!("   (so does {})", others.join(", ")),
        };
        let head = format!("The oracle {} objects.", witness.oracle);
        ink.text(&head, (LEFT, y), LABEL, ALARM, Stands::Start);
        let behind = LEFT + width(&head, LABEL) * OTHER_FONTS;
        ink.text(&others, (behind, y), SMALL, SOFT, Stands::Start);
        y += ROW;
        for line in witness.proof.lines().flat_map(|line| broken(line, SMALL, most)) {
            ink.text(&line, (LEFT, y), SMALL, INK, Stands::Start);
            y += ROW * 0.84;
        }
    }
    y + 6.0
}
