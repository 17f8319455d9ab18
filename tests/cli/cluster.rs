//! `cutline cluster`: processes that are killed, files that are damaged, and nothing that is left behind. No test goes by the clock:
//! each waits for what must come, as long as it takes.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::*;

/// Longer than any of these runs takes on a machine that does something else besides.
const LONG: Duration = Duration::from_secs(120);
const SHORT: Duration = Duration::from_millis(20);

/// The processes of which this one is the parent, as the system has it.
fn children_of(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").expect("a list of processes").filter_map(Result::ok);
    let numbers = processes.filter_map(|entry| entry.file_name().to_string_lossy().parse::<u32>().ok());
    numbers.filter(|&process| is_child(process, parent)).collect()
}

/// True for a process that runs and has this parent.
fn is_child(process: u32, parent: u32) -> bool {
    let Some((state, of)) = state_and_parent(process) else { return false };
    of == parent && state != 'Z'
}

fn state_and_parent(process: u32) -> Option<(char, u32)> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let mut words = text.rsplit(')').next()?.split_whitespace();
    Some((words.next()?.chars().next()?, words.next()?.parse().ok()?))
}

/// True as long as a process is one of ours and runs.
fn runs(process: u32) -> bool {
    let name = fs::read_to_string(format!("/proc/{process}/cmdline")).unwrap_or_default();
    name.contains("task-manager") && state_and_parent(process).is_some_and(|(state, _)| state != 'Z')
}

/// Waits for something that must come.
#[track_caller]
fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < LONG, "{what}: it does not come");
        sleep(SHORT);
    }
}

/// A cluster that runs on, until it is killed when this is dropped.
struct Cluster(Child);

impl Cluster {
    fn begin(place: &Place, arguments: &str) -> Cluster {
        let mut command = place.command();
        command.args(arguments.split_whitespace()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Cluster(command.spawn().expect("the binary"))
    }

    fn id(&self) -> u32 {
        self.0.id()
    }

    /// Its task managers, once there are so many.
    fn managers(&self, count: usize) -> Vec<u32> {
        wait_for("task managers", || {
            let children = children_of(self.id());
            (children.len() == count && children.iter().all(|&child| runs(child))).then_some(children)
        })
    }

    fn gave(mut self) -> Gave {
        let (mut out, mut err) = (String::new(), String::new());
        let mut stdout = self.0.stdout.take().expect("a pipe");
        stdout.read_to_string(&mut out).expect("UTF-8");
        self.0.stderr.take().expect("a pipe").read_to_string(&mut err).expect("UTF-8");
        Gave { code: self.0.wait().expect("a child").code(), out, err }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[track_caller]
fn signal(name: &str, process: u32) {
    let status = Command::new("sh").args(["-c", &format!("kill -{name} {process}")]).status();
    assert!(status.expect("a shell").success(), "{name} {process}");
}

/// Such a job does not come to its end in time.
const SLOW: &str = "cluster wordcount --rate 4/s --set execution.checkpointing.interval=100ms";

/// Kills two task managers, each after a checkpoint.
fn passes_with_kills(strategy: &str) {
    let place = Place::new();
    let cluster = Cluster::begin(
        &place,
        &format!(
            "cluster wordcount --strategy {strategy} --rate 80/s --json --checkpoints kept \
             --set restart-strategy.fixed-delay.delay=10ms --set execution.checkpointing.interval=100ms"
        ),
    );
    let mut seen = 0;
    for victim in [2, 0] {
        seen = wait_for("a checkpoint", || newest(&place.path("kept")).filter(|&id| id > seen));
        signal("KILL", cluster.managers(3)[victim]);
    }
    let told = cluster.gave().exits(0).json();
    assert_eq!(told["finished"], true);
    assert!(told["attempts"].as_u64() >= Some(2), "{told}");
    let restored = told["restored"].as_array().expect("a list");
    assert!(restored[0].is_null() && restored[1..].iter().all(|id| id.as_u64() >= Some(1)), "{told}");
    for verdict in told["verdicts"].as_array().expect("verdicts") {
        assert_eq!(verdict["verdict"], "pass", "{told}");
    }
    // Where tasks checkpoint on their own it is asked, too, whether that was in vain.
    let asked = 6 + usize::from(strategy == "uncoordinated");
    assert_eq!(told["verdicts"].as_array().map(Vec::len), Some(asked));
}

#[test]
fn stop_the_world_survives_kills() {
    passes_with_kills("stop-the-world");
}

#[test]
fn aligned_survives_kills() {
    passes_with_kills("aligned");
}

#[test]
fn unaligned_survives_kills() {
    passes_with_kills("unaligned");
}

#[test]
fn async_incremental_survives_kills() {
    passes_with_kills("async-incremental");
}

#[test]
fn a_timeout_of_the_alignment_survives_kills() {
    passes_with_kills("aligned-timeout");
}

#[test]
fn a_log_of_what_was_sent_survives_kills() {
    passes_with_kills("uncoordinated");
}

/// True if a sink has prepared something for this checkpoint that nobody sees yet.
fn is_committing(folder: &Path, id: u64) -> bool {
    let names = fs::read_dir(folder.join("prepared")).into_iter().flatten().filter_map(Result::ok);
    let id_of = |name: &str| name.split('-').nth(1).and_then(|id| id.parse::<u64>().ok());
    names.into_iter().any(|entry| id_of(&entry.file_name().to_string_lossy()) == Some(id))
}

/// The metadata of a checkpoint are there, so it exists; and what belongs to it is not visible yet. That is when a sink is killed.
#[test]
fn a_sink_that_is_killed_during_its_commit_loses_nothing_and_repeats_nothing() {
    let place = Place::new();
    let cluster = Cluster::begin(
        &place,
        "cluster wordcount --strategy aligned --rate 40/s --json --checkpoints kept --processes 1 \
         --set restart-strategy.fixed-delay.delay=10ms --set execution.checkpointing.interval=50ms",
    );
    let manager = cluster.managers(1)[0];
    let began = Instant::now();
    let kept = place.path("kept");
    // Between the two there are some milliseconds, and the next checkpoint has them, too.
    while !newest(&kept).is_some_and(|id| is_committing(&kept, id)) {
        assert!(began.elapsed() < LONG && runs(manager), "no commit was seen");
        std::hint::spin_loop();
    }
    signal("KILL", manager);
    let told = cluster.gave().exits(0).json();
    assert!(told["restored"][1].as_u64() >= Some(1), "{told}");
    for verdict in told["verdicts"].as_array().expect("verdicts") {
        assert_eq!(verdict["verdict"], "pass", "{told}");
    }
}

#[test]
fn task_managers_that_are_killed_during_their_start_are_started_again() {
    let cluster = Cluster::begin(&Place::new(), "cluster wordcount --rate 300/s --json --seed 1");
    let mut killed = std::collections::BTreeSet::new();
    // As soon as they are there: they have not connected, or have only just begun to build the job.
    wait_for("three that start", || {
        for child in children_of(cluster.id()) {
            if killed.len() < 3 && killed.insert(child) {
                signal("KILL", child);
            }
        }
        (killed.len() == 3).then_some(())
    });
    let told = cluster.gave().exits(0).json();
    assert_eq!(told["finished"], true, "{told}");
    assert_eq!(told["kills"], 0, "the cluster itself killed none");
}

#[test]
fn the_cluster_kills_as_often_as_it_is_told_to_and_no_more() {
    let place = Place::new();
    let gave =
        place.cutline("cluster wordcount --rate 100/s --kill-every 200ms --most-kills 3 --seed 7 --json");
    let told = gave.exits(0).json();
    assert_eq!((told["kills"].as_u64(), told["finished"].as_bool()), (Some(3), Some(true)), "{told}");
    assert_eq!(place.names(), [""; 0], "the folder of checkpoints was elsewhere, and is gone");
}

#[test]
fn a_planted_bug_is_caught_on_real_processes() {
    // Its last transaction is never committed; and no other checkpoint comes, which would commit it.
    let once =
        "cluster wordcount --strategy forget-last-commit --set execution.checkpointing.interval=0s --json";
    let told = Place::new().cutline(once).exits(1).json();
    let ledger = told["verdicts"].as_array().expect("verdicts").iter().find(|it| it["oracle"] == "ledger");
    assert!(ledger.expect("its verdict")["verdict"]["fail"].is_string(), "{told}");
}

#[test]
fn checkpoints_and_results_stay_in_the_folder_that_was_named() {
    let place = Place::new();
    place.cutline("cluster wordcount --checkpoints kept").exits(0);
    let kept = |folder: &str| fs::read_dir(place.path("kept").join(folder)).expect(folder).count();
    assert!(kept("visible") > 0 && kept("shared") > 0 && kept("final") == 8, "{:?}", place.names());
    assert_eq!((kept("prepared"), kept("writing")), (0, 0), "nothing lies about");
    let again = place.cutline("cluster wordcount --checkpoints kept");
    again.refuses(&["`", "kept`", "is not empty", "choose another folder"]);
}

#[test]
fn ctrl_c_leaves_no_process_behind() {
    let cluster = Cluster::begin(&Place::new(), SLOW);
    let managers = cluster.managers(3);
    signal("INT", cluster.id());
    cluster.gave().exits(130);
    assert!(!managers.iter().any(|&manager| runs(manager)), "they were waited for");
}

#[test]
fn a_coordinator_that_is_killed_leaves_no_process_behind() {
    let cluster = Cluster::begin(&Place::new(), SLOW);
    let managers = cluster.managers(3);
    signal("KILL", cluster.id());
    wait_for("the end of all", || (!managers.iter().any(|&manager| runs(manager))).then_some(()));
}

#[test]
fn a_task_manager_that_stands_still_is_taken_for_dead() {
    let place = Place::new();
    let cluster = Cluster::begin(&place, &format!("{SLOW} --checkpoints kept"));
    let managers = cluster.managers(3);
    wait_for("a checkpoint", || newest(&place.path("kept")));
    signal("STOP", managers[1]);
    wait_for("another in its place", || {
        let now = children_of(cluster.id());
        let is_another = now.len() == 3 && !now.contains(&managers[1]);
        (is_another && now.iter().all(|&child| runs(child))).then_some(())
    });
    assert!(!runs(managers[1]), "it is not left behind, standing still");
}

/// The newest checkpoint in a folder.
fn newest(folder: &Path) -> Option<u64> {
    let names = fs::read_dir(folder).ok()?.filter_map(Result::ok);
    let is_there = |entry: &fs::DirEntry| entry.path().join("_metadata").exists();
    let ids = names.filter(is_there).filter_map(|entry| {
        entry.file_name().to_string_lossy().strip_prefix("chk-").and_then(|id| id.parse().ok())
    });
    ids.max()
}

/// Has something done to every file of state, and kills task managers, until the cluster can go on no longer.
fn until_it_ends(place: &Place, harm: impl Fn(&Path)) -> Gave {
    let mut cluster = Cluster::begin(
        place,
        &format!("{SLOW} --checkpoints kept --set restart-strategy.fixed-delay.delay=10ms"),
    );
    let folder = place.path("kept");
    wait_for("a checkpoint", || newest(&folder));
    wait_for("the end", || {
        let files = fs::read_dir(folder.join("shared")).into_iter().flatten().filter_map(Result::ok);
        files.for_each(|file| harm(&file.path()));
        if let Some(&manager) = children_of(cluster.id()).first() {
            signal_if_there("KILL", manager);
        }
        sleep(Duration::from_millis(300));
        cluster.0.try_wait().expect("a child")
    });
    cluster.gave()
}

fn signal_if_there(name: &str, process: u32) {
    let _ = Command::new("sh").args(["-c", &format!("kill -{name} {process} 2>/dev/null")]).status();
}

#[test]
fn a_damaged_file_of_a_checkpoint_ends_the_job_with_its_name() {
    let place = Place::new();
    let harm = |file: &Path| {
        if let Ok(mut bytes) = fs::read(file)
            && let Some(last) = bytes.last_mut()
        {
            *last ^= 1;
            let _ = fs::write(file, bytes);
        }
    };
    // Struck twice a file would be whole again.
    let seen = std::cell::RefCell::new(std::collections::BTreeSet::new());
    let once = |file: &Path| {
        if seen.borrow_mut().insert(file.to_owned()) {
            harm(file);
        }
    };
    let gave = until_it_ends(&place, once);
    gave.refuses(&["cannot restore checkpoint", "kept/shared/", "damaged", "put the file back"]);
}

#[test]
fn a_file_of_a_checkpoint_that_is_cut_short_ends_the_job_with_its_name() {
    let place = Place::new();
    let cut = |file: &Path| {
        if let Ok(bytes) = fs::read(file) {
            let _ = fs::write(file, &bytes[..bytes.len() / 2]);
        }
    };
    let gave = until_it_ends(&place, cut);
    gave.refuses(&["cannot restore checkpoint", "kept/shared/", "is cut short"]);
}

#[test]
fn who_connects_by_mistake_changes_nothing() {
    let place = Place::new();
    let port = free_port();
    let mut cluster = Cluster::begin(&place, &format!("cluster wordcount --rate 300/s --json --port {port}"));
    let junk: [&[u8]; 4] =
        [b"GET / HTTP/1.1\r\n\r\n", b"CUTLINE\n\x02\x00\xff\xff\xff\xff", b"CUTLINE\n\x07\x00", b""];
    let mut met = 0;
    wait_for("the end", || {
        for bytes in junk {
            if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) {
                met += u32::from(stream.write_all(bytes).is_ok());
            }
        }
        cluster.0.try_wait().expect("a child")
    });
    assert!(met > 0, "nobody listened");
    assert_eq!(cluster.gave().exits(0).json()["attempts"], 1);
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("its number").port()
}

#[test]
fn what_cannot_be_is_refused_with_the_reason() {
    let place = Place::new();
    place.file("file", "something");
    let taken = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = taken.local_addr().expect("its number").port();
    let in_use = format!("cluster wordcount --port {port}");
    let refused: [(&str, &[&str]); 7] = [
        (&in_use, &["cannot listen on 127.0.0.1:", "choose another port"]),
        ("cluster wordcount --checkpoints file", &["cannot write checkpoints", "choose another folder"]),
        (
            "cluster wordcount --checkpoints /proc/none",
            &["cannot write checkpoints", "choose another folder"],
        ),
        ("cluster wordcount --set savepoint.at=1s", &["a savepoint", "leave `[savepoint]`"]),
        ("cluster collatz --strategy aligned", &["cannot checkpoint a job with a cycle", "chandy-lamport"]),
        (
            "cluster wordcount --set job.operator.sink.does.sink=plain",
            &["`sink` is not transactional", "sink = \"transactional\""],
        ),
        ("cluster wordcount --input none.txt", &["none.txt"]),
    ];
    for (arguments, words) in refused {
        place.cutline(arguments).refuses(words);
    }
    place.cutline("task-manager --coordinator 127.0.0.1:1 --node 0 --token 1").refuses(&["task manager 0"]);
}

#[test]
fn what_is_not_judged_is_not_passed() {
    let told = Place::new().cutline("cluster wordcount --strategy at-least-once --json").exits(0).json();
    let verdicts = told["verdicts"].as_array().expect("verdicts");
    let unknown = |it: &&Value| it["verdict"]["unknown"].as_str().is_some_and(|why| why.contains("twice"));
    let unknown: Vec<&Value> = verdicts.iter().filter(unknown).map(|it| &it["oracle"]).collect();
    assert_eq!(unknown, ["cut", "order"], "{told}");
}

#[test]
fn a_job_that_takes_too_long_is_a_stall() {
    let told = Place::new().cutline(&format!("{SLOW} --time-limit 2s --json")).exits(3).json();
    assert_eq!(told["finished"], false);
    let liveness =
        told["verdicts"].as_array().expect("verdicts").iter().find(|it| it["oracle"] == "liveness");
    assert!(liveness.expect("its verdict")["verdict"]["fail"].is_string(), "{told}");
}
