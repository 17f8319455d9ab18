//! Tasks driven by hand: what the driver owes a strategy.

use cutline_scenarios::library_files::resolve;
use cutline_scenarios::prepare::Prepared;
use cutline_scenarios::run::Contender;
use cutline_sim::channel::Item;
use cutline_sim::ids::{Attempt, CheckpointId, TaskId};
use cutline_sim::protocol::{Down, Up};
use cutline_sim::record::{Mark, Record};
use cutline_sim::time::SECOND;

use super::*;
use crate::object::unseal;

const ID: CheckpointId = CheckpointId(1);

/// `count[0]` of wordcount, which both tokenizers feed, and which feeds one sink.
const COUNT: TaskId = TaskId(4);

fn job(strategy: &str) -> Job {
    let contender = Contender::named(strategy).expect("a strategy");
    let prepared = Prepared::load(&resolve("wordcount").expect("a scenario"), &[""; 0], 1).expect("a job");
    Job { topology: Arc::clone(prepared.topology()), cut: contender.cut, snapshot: contender.snapshot }
}

fn running(job: &Job, id: TaskId) -> Task {
    let mut task = Task::new(job, id, Attempt(1), None);
    task.mail(Mail::Start, 0);
    task.take_wants();
    task
}

fn words(first: u64, keys: std::ops::Range<u64>) -> ChannelFrame {
    let word = |key| Item::Record(Record { key, value: 1, size: 8, ..Record::default() });
    ChannelFrame::Items(first, keys.map(word).collect(), Vec::new())
}

fn arrive<const N: usize>(task: &mut Task, input: Input, frames: [ChannelFrame; N]) {
    frames.into_iter().for_each(|frame| task.mail(Mail::Arrived(input, frame), 0));
}

fn work(task: &mut Task) {
    while task.step(SECOND) == Step::Acted {}
}

fn left(task: &mut Task) -> Vec<ChannelFrame> {
    let outputs = task.outputs().iter_mut();
    outputs.flat_map(|outbound| std::iter::from_fn(|| outbound.next_frame()).collect::<Vec<_>>()).collect()
}

/// The snapshot that it wants written.
fn written(task: &mut Task) -> Option<(Handle, Snapshot)> {
    task.take_wants().into_iter().find_map(|want| match want {
        Want::Write(_, mut objects) => {
            let (handle, bytes) = objects.pop()?;
            Some((handle, unseal("it", &bytes).expect("a snapshot")))
        }
        _ => None,
    })
}

#[test]
fn an_input_whose_barrier_has_come_waits_for_the_other() {
    let job = job("aligned");
    let mut task = running(&job, COUNT);
    let (cut, other) = (ChannelFrame::Mark(Mark::Cut(ID), 0), words(1, 2..4));
    arrive(&mut task, 0, [words(1, 0..1), cut.clone(), words(2, 1..2)]);
    work(&mut task);
    assert_eq!(task.handled.0, 1, "what comes behind the barrier waits");
    assert_eq!(written(&mut task), None);
    arrive(&mut task, 1, [other, cut]);
    work(&mut task);
    let (_, snapshot) = written(&mut task).expect("both barriers have come");
    assert_eq!((snapshot.handled.0, task.handled.0), (3, 4));
    assert!(snapshot.captured.is_empty() && snapshot.unsent.is_empty());
}

#[test]
fn a_barrier_overtakes_what_waits_on_both_sides_and_that_comes_back_first() {
    let job = job("unaligned");
    let mut task = running(&job, COUNT);
    // Without a credit nothing that it makes can leave.
    task.outputs().iter_mut().for_each(|outbound| outbound.credits = 0);
    task.mail(Mail::Arrived(0, words(1, 0..2)), 0);
    work(&mut task);
    assert_eq!(left(&mut task), []);
    task.mail(Mail::Arrived(0, words(3, 2..5)), 0);
    task.mail(Mail::Arrived(0, ChannelFrame::Mark(Mark::Cut(ID), 0)), 0);
    assert_eq!(left(&mut task), [ChannelFrame::Mark(Mark::Cut(ID), 0)], "ahead of two results");
    assert_eq!(written(&mut task), None, "the other input's barrier is to come");
    task.mail(Mail::Arrived(1, words(1, 5..6)), 0);
    task.mail(Mail::Arrived(1, ChannelFrame::Mark(Mark::Cut(ID), 0)), 0);
    let (_, snapshot) = written(&mut task).expect("all is captured");
    let counts = |parts: &[cutline_sim::snapshot::OnChannel]| -> Vec<usize> {
        parts.iter().map(|part| part.items.len()).collect()
    };
    assert_eq!((counts(&snapshot.captured), counts(&snapshot.unsent)), (vec![3, 1], vec![2]));
    assert_eq!((snapshot.received[0].count, snapshot.sent[0].count), (2, 0));

    let restored =
        Restored { checkpoint: ID, snapshot, files: Vec::new(), replayed: Vec::new(), open: Vec::new() };
    let mut again = Task::new(&job, COUNT, Attempt(2), Some(restored));
    again.mail(Mail::Start, 0);
    work(&mut again);
    assert_eq!(again.handled.0, 6, "two before the cut, four that were on their way");
    let frames = left(&mut again);
    assert!(matches!(&frames[0], ChannelFrame::Items(1, items, _) if items.len() == 6), "{frames:?}");
    again.mail(Mail::Arrived(0, words(6, 6..7)), 0);
    assert_eq!(again.take_wants().iter().filter(|want| matches!(want, Want::Disorder(..))).count(), 0);
    again.mail(Mail::Arrived(0, words(9, 7..8)), 0);
    assert!(again.take_wants().iter().any(|want| matches!(want, Want::Disorder(0, _))), "two are missing");
}

#[test]
fn a_credit_goes_back_when_its_frame_is_used_up() {
    let job = job("aligned");
    let mut task = running(&job, COUNT);
    task.mail(Mail::Arrived(0, words(1, 0..2)), 0);
    assert_eq!(task.step(SECOND), Step::Acted);
    assert!(!task.take_wants().contains(&Want::Credit(0)));
    assert_eq!(task.step(SECOND), Step::Acted);
    assert!(task.take_wants().contains(&Want::Credit(0)));
}

#[test]
fn frames_without_a_credit_stay_and_fill_the_output() {
    let job = job("aligned");
    let mut task = running(&job, COUNT);
    for frame in 0..20 {
        task.mail(Mail::Arrived(0, words(1 + frame * 50, 0..50)), 0);
    }
    work(&mut task);
    assert_eq!(left(&mut task).len(), 2, "as many as there are buffers");
    work(&mut task);
    let stuck = task.handled.0;
    assert!(stuck < 1000, "{stuck}");
    assert_eq!(left(&mut task), []);
    task.mail(Mail::Credit(0), 0);
    assert_eq!(left(&mut task).len(), 1);
    work(&mut task);
    assert!(task.handled.0 > stuck);
}

#[test]
fn a_source_that_stops_the_world_reads_on_when_it_may() {
    let job = job("stop-the-world");
    let mut source = running(&job, TaskId(0));
    work(&mut source);
    let read = source.handled.0;
    assert!(read > 0);
    source.mail(Mail::Down(Down::Trigger(ID), 0), SECOND);
    let (_, snapshot) = written(&mut source).expect("a snapshot");
    assert_eq!(snapshot.handled.0, read);
    let later = 100 * SECOND;
    assert_eq!(source.step(later), Step::Waits(NEVER), "it stands still while its state is written");
    source.mail(Mail::Written(ID, true), later);
    let acknowledged =
        |want: &Want| matches!(want, Want::Tell(Up::Ack(id), Some(saved)) if *id == ID && saved.id == ID);
    assert!(source.take_wants().iter().any(acknowledged));
    assert_eq!(source.step(later), Step::Waits(NEVER), "and until the checkpoint is complete");
    source.mail(Mail::Down(Down::Completed(ID), 0), later);
    assert_eq!(source.step(later), Step::Acted);
}

#[test]
fn a_sink_shows_nothing_before_the_checkpoint_is_complete_and_finishes_when_it_is_confirmed() {
    let job = job("aligned");
    let mut sink = running(&job, TaskId(6));
    let end = ChannelFrame::Items(2, vec![Item::End], Vec::new());
    arrive(&mut sink, 0, [words(1, 0..1), end, ChannelFrame::Mark(Mark::Cut(ID), 0)]);
    work(&mut sink);
    let wants = sink.take_wants();
    let prepared = |want: &Want| matches!(want, Want::Prepare(_, records) if records.len() == 1);
    assert!(wants.iter().any(prepared) && !wants.iter().any(|want| matches!(want, Want::Commit(_))));
    sink.mail(Mail::Written(ID, true), 0);
    assert_eq!(sink.take_wants(), [], "the transaction is not prepared yet");
    sink.mail(Mail::Prepared(ID), 0);
    assert!(matches!(&sink.take_wants()[..], [Want::Tell(Up::Ack(ID), Some(_))]));
    sink.mail(Mail::Down(Down::Completed(ID), 0), 0);
    let wants = sink.take_wants();
    let [Want::Commit(names)] = &wants[..] else { panic!("{wants:?}") };
    sink.mail(Mail::NotCommitted(Vec::new(), names.clone()), 0);
    assert_eq!(sink.take_wants(), wants, "it asks again");
    sink.mail(Mail::Committed(names.clone()), 0);
    assert!(matches!(&sink.take_wants()[..], [Want::Finish(last)] if last.handled.0 == 1));
}

#[test]
fn a_sink_that_is_restored_asks_for_the_commit_of_what_its_snapshot_names() {
    let job = job("aligned");
    let mut sink = running(&job, TaskId(6));
    arrive(&mut sink, 0, [words(1, 0..1), ChannelFrame::Mark(Mark::Cut(ID), 0)]);
    work(&mut sink);
    let (_, snapshot) = written(&mut sink).expect("a snapshot");
    let name = TransactionId { task: TaskId(6), id: ID, attempt: Attempt(1) };
    assert_eq!(snapshot.pending, [name]);
    let restored =
        Restored { checkpoint: ID, snapshot, files: Vec::new(), replayed: Vec::new(), open: Vec::new() };
    let mut again = Task::new(&job, TaskId(6), Attempt(2), Some(restored));
    again.mail(Mail::Start, 0);
    assert_eq!(again.take_wants(), [Want::Begin(vec![name])]);
}

/// `tokenize[0]` of wordcount, which feeds both counters.
const TOKENIZE: TaskId = TaskId(2);

/// What it has told the coordinator, and asked to be woken for.
fn timers(task: &mut Task) -> Vec<(cutline_sim::time::Time, u32)> {
    let timer = |want| match want {
        Want::After(after, Mail::Timer(token)) => Some((after, token)),
        _ => None,
    };
    task.take_wants().into_iter().filter_map(timer).collect()
}

#[test]
fn a_barrier_that_waits_too_long_in_an_output_overtakes_and_the_snapshot_takes_over_what_it_passes() {
    let job = job("aligned-timeout");
    let timeout = job.topology.config.checkpointing.alignment_timeout;
    let mut task = running(&job, COUNT);
    // Both barriers are in time; the output has no credit, so what was counted and the barrier behind it wait.
    task.outputs()[0].credits = 0;
    let cut = ChannelFrame::Mark(Mark::Cut(ID), 0);
    arrive(&mut task, 0, [words(1, 0..2), cut.clone()]);
    assert_eq!(timers(&mut task), [(timeout, 1)], "the age counts from the trigger");
    arrive(&mut task, 1, [cut]);
    work(&mut task);
    assert_eq!(written(&mut task), None, "its barrier can still overtake");
    assert_eq!(left(&mut task), []);
    task.mail(Mail::Timer(1), timeout);
    let (_, snapshot) = {
        assert_eq!(left(&mut task), [ChannelFrame::Mark(Mark::Cut(ID), 0)]);
        task.left();
        written(&mut task).expect("the barrier has left")
    };
    let unsent: usize = snapshot.unsent.iter().map(|unsent| unsent.items.len()).sum();
    assert_eq!((snapshot.sent[0].count, unsent), (0, 2), "what it passed was not sent, as the cut has it");
    assert_eq!(snapshot.made(0).count, 2);
}

#[test]
fn a_barrier_that_comes_too_old_is_not_aligned() {
    let job = job("aligned-timeout");
    let timeout = job.topology.config.checkpointing.alignment_timeout;
    let mut task = running(&job, COUNT);
    task.mail(Mail::Arrived(0, ChannelFrame::Mark(Mark::Cut(ID), SECOND)), SECOND + timeout);
    assert_eq!(left(&mut task), [ChannelFrame::Mark(Mark::Cut(ID), SECOND)], "and says how old it is");
}

#[test]
fn what_is_sent_is_logged_until_a_snapshot_with_it_is_durable() {
    let job = job("uncoordinated");
    let mut task = Task::new(&job, COUNT, Attempt(1), None);
    task.mail(Mail::Start, 0);
    let (_, first) = written(&mut task).expect("the first is taken at the start");
    assert_eq!(first.logged, []);
    arrive(&mut task, 0, [words(1, 0..3)]);
    work(&mut task);
    task.mail(Mail::Written(CheckpointId(1), true), SECOND);
    let mut held = Vec::new();
    for (at, (fine, keys)) in [(false, 3..5), (true, 5..6), (true, 6..8)].into_iter().enumerate() {
        task.mail(Mail::Down(Down::Trigger(CheckpointId(9)), 0), SECOND);
        let (_, snapshot) = written(&mut task).expect("asked for");
        held.extend(snapshot.logged.iter().map(|logged| (logged.first, logged.items.len())));
        task.mail(Mail::Written(CheckpointId(2 + at as u64), fine), SECOND);
        arrive(&mut task, 0, [words(keys.start + 1, keys)]);
        work(&mut task);
    }
    assert_eq!(
        held,
        [(1, 3), (1, 5), (6, 1)],
        "what a failed write held comes again; what is durable does not"
    );
}

#[test]
fn a_tag_that_is_ahead_forces_a_snapshot_before_the_delivery() {
    let job = job("communication-induced-bcs");
    let mut task = Task::new(&job, TOKENIZE, Attempt(1), None);
    task.mail(Mail::Start, 0);
    written(&mut task).expect("the first is taken at the start");
    let ChannelFrame::Items(first, items, _) = words(1, 0..2) else { panic!("items") };
    let tags = vec![Tag { from: 2, words: vec![7] }];
    arrive(&mut task, 0, [ChannelFrame::Items(first, items, tags)]);
    work(&mut task);
    let (_, forced) = written(&mut task).expect("the second item comes from a later interval");
    assert_eq!((forced.handled.0, task.handled.0), (1, 2));
    let brought = brought(&mut task);
    assert!(brought.contains(&1) && brought.contains(&7), "what follows is of that interval: {brought:?}");
}

/// A task that goes on from its own snapshot, with this in transit to it.
fn restored(job: &Job, id: TaskId, snapshot: Snapshot, replayed: Vec<Replayed>) -> Task {
    let restored = Restored { checkpoint: ID, snapshot, files: Vec::new(), replayed, open: Vec::new() };
    let mut task = Task::new(job, id, Attempt(2), Some(restored));
    task.mail(Mail::Start, 0);
    task
}

fn brought(task: &mut Task) -> Vec<u32> {
    let tags = |frame: &ChannelFrame| match frame {
        ChannelFrame::Items(_, _, tags) => tags.iter().map(|tag| tag.words[0]).collect(),
        _ => Vec::new(),
    };
    left(task).iter().flat_map(tags).collect()
}

#[test]
fn what_is_sent_after_a_restore_says_again_where_its_sender_stands() {
    let job = job("communication-induced-bcs");
    let mut task = Task::new(&job, TOKENIZE, Attempt(1), None);
    task.mail(Mail::Start, 0);
    let (_, snapshot) = written(&mut task).expect("the first is taken at the start");
    let mut again = restored(&job, TOKENIZE, snapshot, Vec::new());
    arrive(&mut again, 0, [words(1, 0..8)]);
    work(&mut again);
    assert_eq!(written(&mut again), None);
    let brought = brought(&mut again);
    assert!(!brought.is_empty() && brought.iter().all(|&word| word == 1), "{brought:?}");
}

#[test]
fn what_was_in_transit_forces_what_it_would_have_forced() {
    let job = job("communication-induced-bcs");
    let mut task = Task::new(&job, TOKENIZE, Attempt(1), None);
    task.mail(Mail::Start, 0);
    let (_, snapshot) = written(&mut task).expect("the first is taken at the start");
    let ChannelFrame::Items(_, items, _) = words(1, 0..2) else { panic!("items") };
    let tags = vec![Tag { from: 2, words: vec![7] }];
    let mut again = restored(&job, TOKENIZE, snapshot, vec![Replayed { input: 0, items, tags }]);
    work(&mut again);
    let (_, forced) = written(&mut again).expect("the second item comes from a later interval");
    assert_eq!((forced.handled.0, again.handled.0), (1, 2));
}

/// `sink[0]` of wordcount.
const SINK: TaskId = TaskId(6);

#[test]
fn a_sink_finishes_with_its_last_result_whatever_it_commits_behind_that() {
    let job = job("aligned");
    let mut sink = running(&job, SINK);
    let inputs = 0..job.topology.tasks[SINK.index()].inputs.len() as Input;
    for id in [1, 2].map(CheckpointId) {
        for input in inputs.clone() {
            let end = ChannelFrame::Items(1, vec![Item::End], Vec::new());
            let cut = ChannelFrame::Mark(Mark::Cut(id), 0);
            let frames = if id == ID { vec![end, cut] } else { vec![cut] };
            frames.into_iter().for_each(|frame| sink.mail(Mail::Arrived(input, frame), 0));
        }
        work(&mut sink);
        sink.mail(Mail::Written(id, true), 0);
        sink.mail(Mail::Prepared(id), 0);
        sink.mail(Mail::Down(Down::Completed(id), 0), 0);
    }
    let commits: Vec<Vec<TransactionId>> = (sink.take_wants().into_iter())
        .filter_map(|want| match want {
            Want::Commit(names) => Some(names),
            _ => None,
        })
        .collect();
    assert_eq!(commits.len(), 2, "{commits:?}");
    assert!(!sink.is_finished(), "its last result is not confirmed");
    sink.mail(Mail::Committed(commits[0].clone()), 0);
    assert!(sink.is_finished(), "the second one is empty");
}

#[test]
fn a_task_whose_sender_goes_on_from_before_its_end_goes_on_too() {
    let job = job("at-least-once");
    let mut task = running(&job, COUNT);
    for input in [0, 1] {
        arrive(&mut task, input, [ChannelFrame::Items(1, vec![Item::End], Vec::new())]);
        arrive(&mut task, input, [ChannelFrame::Mark(Mark::Cut(ID), 0)]);
    }
    work(&mut task);
    let (_, snapshot) = written(&mut task).expect("a snapshot");
    assert!(snapshot.ended);
    for (open, resumes) in [(Vec::new(), true), (vec![1], false)] {
        let restored = Restored {
            checkpoint: ID,
            snapshot: snapshot.clone(),
            files: Vec::new(),
            replayed: Vec::new(),
            open,
        };
        let mut again = Task::new(&job, COUNT, Attempt(2), Some(restored));
        again.mail(Mail::Start, 0);
        assert_eq!((again.resumes_ended, again.ended_inputs.contains(1)), (resumes, resumes));
        arrive(
            &mut again,
            1,
            [ChannelFrame::Items(snapshot.received[1].count + 1, vec![Item::End], Vec::new())],
        );
        work(&mut again);
        let ends = left(&mut again)
            .iter()
            .filter(|frame| matches!(frame, ChannelFrame::Items(_, items, _) if items.contains(&Item::End)))
            .count();
        assert_eq!(ends, usize::from(!resumes), "it says its end again if it goes on");
    }
}
