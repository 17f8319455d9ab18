//! Books that are kept by hand: what may go, and what is torn.

use cutline_scenarios::library_files::resolve;
use cutline_scenarios::prepare::Prepared;
use cutline_scenarios::run::Contender;

use super::*;

const TASK: TaskId = TaskId(4);
/// A whole state that was written beside a log, and two segments of that.
const WHOLE: Handle = Handle(4 << 32 | 1);
const SEGMENTS: [Handle; 2] = [Handle(4 << 32 | 2), Handle(4 << 32 | 3)];

fn books_of(strategy: &str) -> Books {
    let prepared = Prepared::load(&resolve("wordcount").expect("a scenario"), &[""; 0], 1).expect("a job");
    let contender = Contender::named(strategy).expect("a strategy");
    let topology = Arc::clone(prepared.topology());
    Books::new(&Job { topology, cut: contender.cut, snapshot: contender.snapshot })
}

/// The snapshot of the task for a checkpoint, with the whole state and a segment that was written for it.
fn saved(id: u64) -> Saved {
    let own = SEGMENTS[id as usize - 1];
    Saved {
        handle: Handle::of(TASK, 10 + id as u32),
        id: CheckpointId(id),
        files: vec![WHOLE, own],
        own: vec![own],
        sent: vec![Position::default()],
        made: vec![Position::default()],
        received: vec![Position::default(); 2],
        ended: false,
        logged: Vec::new(),
    }
}

fn complete(books: &mut Books, id: u64) {
    let mut line = vec![None; books.topology.tasks.len()];
    line[TASK.index()] = Some(saved(id).handle);
    books.begin_to_write(CheckpointId(id), line);
    books.written(CheckpointId(id), true);
}

#[test]
fn what_was_written_beside_a_snapshot_stays_when_that_is_given_up() {
    let mut books = books_of("aligned");
    books.note(TASK, saved(1));
    assert_eq!(books.discard(saved(1).handle), [SEGMENTS[0], saved(1).handle]);
    books.note(TASK, saved(2));
    complete(&mut books, 2);
    assert_eq!(books.wrong, None);
    assert_eq!(books.live(), BTreeSet::from([WHOLE, SEGMENTS[1], saved(2).handle]));
}

#[test]
fn what_a_checkpoint_refers_to_must_not_have_been_given_back() {
    let mut books = books_of("aligned");
    books.note(TASK, saved(1));
    assert_eq!(books.discard(WHOLE), [WHOLE]);
    complete(&mut books, 1);
    let wrong = books.wrong.expect("an objection");
    assert!(wrong.contains("count[0] of which a file had been given back"), "{wrong}");
}

#[test]
fn the_newest_checkpoint_must_stay() {
    let mut books = books_of("aligned");
    for id in [1, 2] {
        books.note(TASK, saved(id));
        complete(&mut books, id);
    }
    assert_eq!(
        books.subsume(CheckpointId(1)),
        [SEGMENTS[0], saved(1).handle],
        "the whole state is part of the second"
    );
    assert_eq!(books.wrong, None);
    books.subsume(CheckpointId(2));
    let wrong = books.wrong.expect("an objection");
    assert!(wrong.contains("Checkpoint 2 was given back"), "{wrong}");
}

#[test]
fn what_nobody_refers_to_and_nobody_has_given_back_is_rubbish() {
    let mut books = books_of("aligned");
    let old = Saved { id: CheckpointId(1), ..saved(1) };
    books.note(TASK, old.clone());
    books.note(TASK, saved(2));
    complete(&mut books, 2);
    let attempt = attempt_of(old.handle);
    let left = books.rubbish(attempt).expect("an objection");
    assert!(left.contains("count[0] for checkpoint 1"), "{left}");
    assert_eq!(books.rubbish(Attempt(7)), None, "of a former attempt");
    books.discard(old.handle);
    assert_eq!(books.rubbish(attempt), None);
}

/// The first tokenizer and `count[0]`, which it feeds; the others of the job are new.
const SENDER: TaskId = TaskId(2);

/// A snapshot of the sender, with what it has logged.
fn logs(nth: u32, attempt: u32, after: u64, until: u64) -> Saved {
    let made = vec![Position { count: until, chain: until }, Position::default()];
    Saved {
        handle: Handle::of(SENDER, attempt << 20 | nth),
        id: CheckpointId(u64::from(nth)),
        files: Vec::new(),
        own: Vec::new(),
        sent: made.clone(),
        made,
        received: vec![Position::default(); 2],
        ended: false,
        logged: vec![(0, after, until)],
    }
}

/// The snapshot of `count[0]` that has received so many from it.
fn has_received(count: u64) -> Saved {
    let received = vec![Position { count, chain: count }, Position::default()];
    Saved { files: Vec::new(), own: Vec::new(), received, ..saved(1) }
}

fn line_of(books: &mut Books, id: u64, all: [&Saved; 2]) -> Vec<(Handle, u64, u64)> {
    let mut line = vec![None; books.topology.tasks.len()];
    all.iter().for_each(|saved| line[saved.handle.task().index()] = Some(saved.handle));
    let replays = books.begin_to_write(CheckpointId(id), line);
    books.written(CheckpointId(id), true);
    replays[TASK.index()].iter().flat_map(|replay| replay.parts.clone()).collect()
}

#[test]
fn what_was_in_transit_is_put_together_from_the_snapshots_of_its_sender() {
    let mut books = books_of("uncoordinated");
    let all = [logs(1, 1, 0, 10), logs(2, 1, 10, 15), logs(3, 1, 15, 20), logs(4, 1, 20, 30)];
    all.iter().for_each(|saved| assert!(books.note(SENDER, saved.clone())));
    books.note(TASK, has_received(7));
    let parts = line_of(&mut books, 1, [&all[2], &has_received(7)]);
    let held = [(all[0].handle, 7, 10), (all[1].handle, 10, 15), (all[2].handle, 15, 20)];
    assert_eq!(parts, held);
    assert!(held.iter().all(|part| books.discard(part.0).is_empty()), "the line refers to them");
    let gone: Vec<Handle> = books.subsume(CheckpointId(1)).into_iter().collect();
    assert!(held.iter().all(|part| gone.contains(&part.0)), "and gives them back");
}

#[test]
fn what_a_former_life_has_logged_behind_the_line_never_happened() {
    let mut books = books_of("uncoordinated");
    // The second was taken before the first was durable, so it holds that too; all went back to the first.
    let (first, second, third) = (logs(1, 1, 0, 10), logs(2, 1, 0, 15), logs(3, 1, 15, 20));
    [&first, &second, &third].iter().for_each(|saved| assert!(books.note(SENDER, (*saved).clone())));
    books.note(TASK, has_received(4));
    line_of(&mut books, 1, [&first, &has_received(4)]);
    books.go_back(Attempt(2), Some(CheckpointId(1)));
    let again = logs(2, 2, 10, 18);
    books.note(SENDER, again.clone());
    let parts = line_of(&mut books, 2, [&again, &has_received(4)]);
    assert_eq!(parts, [(first.handle, 4, 10), (again.handle, 10, 18)]);
    assert_eq!(books.inconsistent, None);
}

#[test]
fn what_cannot_be_of_a_task_is_not_noted() {
    let mut books = books_of("uncoordinated");
    assert!(books.note(TASK, saved(1)));
    assert!(!books.note(SENDER, saved(1)), "of another task");
    assert!(!books.note(TASK, Saved { received: Vec::new(), ..saved(1) }), "it has two inputs");
    assert!(!books.note(TASK, Saved { made: Vec::new(), ..saved(1) }), "and one output");
}

#[test]
fn what_nobody_has_logged_tears_a_line() {
    let mut books = books_of("uncoordinated");
    let (first, second) = (logs(1, 1, 0, 10), logs(2, 1, 12, 20));
    [&first, &second].iter().for_each(|saved| assert!(books.note(SENDER, (*saved).clone())));
    books.note(TASK, has_received(4));
    line_of(&mut books, 1, [&second, &has_received(4)]);
    let wrong = books.inconsistent.expect("an objection");
    assert!(wrong.contains("had sent 20 items") && wrong.contains("4 items"), "{wrong}");
}

/// At least once, `count[0]` may have consumed the ends of both tokenizers, of which one will send it again.
#[test]
fn who_is_fed_by_one_that_goes_on_goes_on_too() {
    let mut books = books_of("at-least-once");
    let tokenizer =
        |task: u32, ended: bool| Saved { ended, handle: Handle::of(TaskId(task), 1), ..logs(1, 1, 0, 10) };
    let source = |task: u32| Saved { ended: true, received: Vec::new(), ..tokenizer(task, true) };
    let count = Saved { ended: true, ..saved(1) };
    let all = [source(0), source(1), tokenizer(2, true), tokenizer(3, false), count.clone()];
    let mut line = vec![None; books.topology.tasks.len()];
    for saved in all {
        let task = saved.handle.task();
        line[task.index()] = Some(saved.handle);
        books.note(task, saved);
    }
    books.begin_to_write(CheckpointId(1), line);
    books.written(CheckpointId(1), true);
    let open = books.open(Some(CheckpointId(1)));
    assert_eq!((&open[2][..], &open[TASK.index()][..]), (&[][..], &[1][..]), "the other tokenizer's input");
    let sink = books.topology.channels.iter().find(|channel| channel.from == TASK).expect("a sink");
    assert!(open[sink.to.index()].contains(&sink.input), "so it sends its own end again");
    assert!(
        books
            .open(None)
            .iter()
            .zip(&books.topology.tasks)
            .all(|(open, task)| open.len() == task.inputs.len())
    );
}

/// Two tasks of a loop answer each other between two snapshots of one of them, so that one is on no line; but all of that was
/// undone before it was judged.
#[test]
fn what_was_undone_is_no_proof_of_a_useless_snapshot() {
    let prepared = Prepared::load(&resolve("collatz").expect("a scenario"), &[""; 0], 1).expect("a job");
    let contender = Contender::named("communication-induced-bcs").expect("a strategy");
    let topology = Arc::clone(prepared.topology());
    let job = Job { topology: Arc::clone(&topology), cut: contender.cut, snapshot: contender.snapshot };
    let (step, on) = (TaskId(2), TaskId(4));
    let judged = |is_undone: bool| {
        let mut books = Books::new(&job);
        let take = |books: &mut Books, task: TaskId, id: u64, sent: u64, received: u64| {
            let info = &topology.tasks[task.index()];
            let counts = |length: usize, count: u64| vec![count; length];
            let positions = Positions {
                sent: counts(info.channels_out().count(), sent),
                received: counts(info.inputs.len(), received),
            };
            books.taken(task, CheckpointId(id), 0, positions);
        };
        let all = (0..topology.tasks.len() as u32).map(TaskId);
        all.for_each(|task| take(&mut books, task, 1, 0, 0));
        take(&mut books, step, 2, 0, 1);
        take(&mut books, step, 3, 1, 1);
        if is_undone {
            books.go_back(Attempt(2), None);
        }
        take(&mut books, on, 2, 1, 1);
        books.useless()
    };
    assert!(matches!(judged(false), Some(Verdict::Fail(_))), "it is asked at all");
    assert_eq!(judged(true), Some(Verdict::Pass));
}
