//! Which flights are drawn: all that matter, and of the rest as many as a person can look at.

use cutline_scenarios::scene::{Checkpoint, Commit, Cut, Flight, Scene, Snapshot, Span};
use cutline_sim::event::Stamped;
use cutline_sim::passage::Thing;

/// No more barriers than this, and no more cuts.
const MARKS_MOST: usize = 600;
const CUTS_MOST: usize = 24;
/// If there are more checkpoints than this, nothing is drawn of those without a cut.
const CHECKPOINTS_MOST: usize = 100;
/// Of anything else.
const MOST: usize = 1_500;
/// Beside a guilty one no more records than this, or a third of those that are asked for: it is what is to be seen.
const BESIDE_GUILTY: usize = 70;

/// How a flight is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A record.
    Record,
    /// A barrier, or a marker.
    Mark,
    /// A mark that cancels a checkpoint.
    Cancel,
    /// A record that was in flight at a cut, or that a restore put back.
    InFlight,
    /// A record that crosses a cut the wrong way.
    Orphan,
    /// To blame.
    Guilty,
}

/// What is drawn.
pub struct Plan<'a> {
    /// The scene.
    pub scene: &'a Scene,
    /// The flights, in the order in which they are drawn: what matters comes last and lies on top.
    pub flights: Vec<(Kind, &'a Flight)>,
    /// The checkpoints whose cuts are drawn.
    pub cuts: Vec<&'a Checkpoint>,
    /// The checkpoints of which anything is drawn.
    pub checkpoints: Vec<&'a Checkpoint>,
    /// The snapshots.
    pub snapshots: Vec<&'a Snapshot>,
    /// What tasks were.
    pub spans: Vec<&'a Span>,
    /// The commits.
    pub commits: Vec<&'a Commit>,
    /// What else happened.
    pub events: Vec<&'a Stamped>,
    /// What is not drawn, a sentence each.
    pub left_out: Vec<String>,
}

impl<'a> Plan<'a> {
    /// Chooses.
    pub fn of(scene: &'a Scene, records_most: usize) -> Plan<'a> {
        let mut left_out = Vec::new();
        let cuts = cuts(scene, &mut left_out);
        let checkpoints = if scene.checkpoints.len() <= CHECKPOINTS_MOST {
            scene.checkpoints.iter().collect()
        } else {
            cuts.clone()
        };
        let is_shown =
            |it: &&Snapshot| scene.cast.own_snapshots || checkpoints.iter().any(|shown| shown.id == it.id);
        let snapshots: Vec<&Snapshot> = scene.snapshots.iter().filter(is_shown).collect();
        let snapshots = bounded("snapshots", snapshots, &mut left_out);
        let spans =
            bounded("times in which a task was something", scene.spans.iter().collect(), &mut left_out);
        let commits = bounded("commits", scene.commits.iter().collect(), &mut left_out);
        let events = bounded("events", scene.events.iter().collect(), &mut left_out);
        let crossed: Vec<Cut<'_>> = cuts.iter().map(|cut| scene.cut(cut)).collect();
        let guilty = scene.guilty();
        let records_most = match guilty.is_empty() {
            true => records_most,
            false => records_most.min(BESIDE_GUILTY.max(records_most / 3)),
        };
        let mut flights: Vec<(Kind, &Flight)> = Vec::new();
        let (mut records, mut marks, mut others) = (Vec::new(), Vec::new(), 0_u64);
        for (at, flight) in scene.flights.iter().enumerate() {
            match flight.thing {
                _ if guilty.contains(&at) => flights.push((Kind::Guilty, flight)),
                Thing::Record { .. } => {
                    let kind = if crossed.iter().any(|cut| cut.is_orphan(flight)) {
                        Kind::Orphan
                    } else if flight.put_back || crossed.iter().any(|cut| cut.is_in_flight(flight)) {
                        Kind::InFlight
                    } else {
                        Kind::Record
                    };
                    records.push((kind, flight));
                }
                Thing::Cut { .. } => marks.push((Kind::Mark, flight)),
                Thing::Cancel { .. } => marks.push((Kind::Cancel, flight)),
                _ => others += 1,
            }
        }
        let all = records.len() as u64 + scene.flights_left_out;
        let (crossing, plain): (Vec<_>, Vec<_>) =
            records.into_iter().partition(|(kind, _)| *kind != Kind::Record);
        // What crosses a cut matters more, but must not crowd out the rest.
        let crossing = over_time(crossing, records_most / 3, scene);
        let plain = over_time(plain, records_most.saturating_sub(crossing.len()), scene);
        let drawn = (crossing.len() + plain.len()) as u64;
        if drawn < all {
            let (drawn, all) = (crate::units::count(drawn), crate::units::count(all));
            left_out.push(format!(
                "{drawn} of the {all} records in this window are drawn, spread over its time."
            ));
        }
        if others > 0 {
            let others = crate::units::count(others);
            left_out.push(format!("{others} watermarks, ends and the like are not drawn."));
        }
        let known = marks.len();
        let marks = spread(marks, MARKS_MOST);
        if marks.len() < known {
            left_out.push(format!("{} of {known} barriers are drawn.", marks.len()));
        }
        flights.extend(plain.into_iter().chain(crossing).chain(marks));
        flights.sort_by_key(|(kind, flight)| (*kind, flight.sent));
        Plan { scene, flights, cuts, checkpoints, snapshots, spans, commits, events, left_out }
    }
}

fn cuts<'a>(scene: &'a Scene, left_out: &mut Vec<String>) -> Vec<&'a Checkpoint> {
    let blamed = scene.witness.as_ref().and_then(|witness| witness.checkpoint);
    let window = &scene.window;
    let shown = |it: &&Checkpoint| it.points.iter().any(|(_, at)| window.meets(at.time, at.time));
    let all: Vec<&Checkpoint> = scene.checkpoints.iter().filter(shown).collect();
    let known = all.len() as u64 + scene.checkpoints_left_out;
    let mut cuts = spread(all, CUTS_MOST);
    let missing = |it: &&Checkpoint| Some(it.id) == blamed && cuts.iter().all(|cut| cut.id != it.id);
    if let Some(blamed) = scene.checkpoints.iter().find(missing) {
        cuts.push(blamed);
    }
    if (cuts.len() as u64) < known {
        let known = crate::units::count(known);
        // With only a few more their bars and snapshots are drawn.
        let what = if scene.checkpoints.len() > CHECKPOINTS_MOST { "" } else { "The cuts of " };
        left_out.push(format!("{what}{} of the {known} checkpoints in this window are drawn.", cuts.len()));
    }
    cuts
}

/// So many of them at the most. No burst crowds out what comes before and behind it: each part of the window has the same number, as
/// far as it has so many.
fn over_time<'a>(all: Vec<(Kind, &'a Flight)>, most: usize, scene: &Scene) -> Vec<(Kind, &'a Flight)> {
    const PARTS: u64 = 48;
    if all.len() <= most {
        return all;
    }
    let window = &scene.window.time;
    let width = (window.end - window.start).max(1);
    let mut parts: Vec<Vec<(Kind, &Flight)>> = (0..PARTS).map(|_| Vec::new()).collect();
    for one in all {
        let away = one.1.sent.time.saturating_sub(window.start).min(width - 1);
        let part = u128::from(away) * u128::from(PARTS) / u128::from(width);
        parts[part as usize].push(one);
    }
    let held = |each: usize| parts.iter().map(|part| part.len().min(each)).sum::<usize>();
    let each = (0..=most).rev().find(|each| held(*each) <= most).unwrap_or(0);
    // What is left over goes to some of the parts that have more.
    let more: Vec<usize> = (0..parts.len()).filter(|at| parts[*at].len() > each).collect();
    let more = spread(more, most - held(each));
    let parts = parts.into_iter().enumerate();
    parts.flat_map(|(at, part)| spread(part, each + usize::from(more.contains(&at)))).collect()
}

/// All of them, or as many as there is room for.
fn bounded<'a, T>(what: &str, all: Vec<&'a T>, left_out: &mut Vec<String>) -> Vec<&'a T> {
    let known = all.len();
    let some = spread(all, MOST);
    if some.len() < known {
        left_out.push(format!(
            "{} of the {} {what} are drawn.",
            crate::units::count(MOST as u64),
            crate::units::count(known as u64)
        ));
    }
    some
}

/// So many of them at the most, evenly spread.
fn spread<T>(all: Vec<T>, most: usize) -> Vec<T> {
    let count = all.len();
    if count <= most {
        return all;
    }
    let keep = |at: usize| (at + 1) * most / count > at * most / count;
    all.into_iter().enumerate().filter(|(at, _)| keep(*at)).map(|(_, one)| one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_spread_evenly_and_as_much_as_there_is_room_for() {
        assert_eq!(spread((0..3).collect(), 5), [0, 1, 2]);
        let kept: Vec<i32> = spread((0..100).collect(), 10);
        assert_eq!(kept.len(), 10);
        assert!(kept.windows(2).all(|pair| (9..=11).contains(&(pair[1] - pair[0]))), "{kept:?}");
        assert!(spread((0..100).collect::<Vec<i32>>(), 0).is_empty());
    }
}
