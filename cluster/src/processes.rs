//! The real cluster: the coordinator in this process, task managers as processes that it starts, kills and starts again.
//!
//! Nothing outlives the coordinator: its children are killed when it ends in whatever way it can notice, and a task manager whose
//! connection to it is gone comes to its end by itself.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use cutline_scenarios::inputs::Texts;
use cutline_scenarios::library_files::ScenarioText;
use cutline_scenarios::prepare::Prepared;
use cutline_scenarios::run::Contender;
use cutline_scenarios::spec::load;
use cutline_sim::oracles::Verdict;
use cutline_sim::protocol::SnapshotMethod;
use cutline_sim::random::{Stream, below, draw, key};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::coordinator::{self, ClusterError, Outcome, Rules, Signal};
use crate::job::{Job, Order};
use crate::store::{Folder, Store, StoreError};
use crate::verdict::{Collected, judge};
use crate::worker::{self, Post};

/// How often the children are looked after.
const LOOK: Duration = Duration::from_millis(10);
/// How long children that have been dismissed may take to go.
const GRACE: Duration = Duration::from_secs(2);
/// A task manager that ends by itself is started again so often.
const ENDS: u32 = 5;

/// How a cluster is run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The number of task managers.
    pub processes: u32,
    /// Where the coordinator listens; 0: any port.
    pub port: u16,
    /// How often one of them is killed.
    pub kill_every: Option<Duration>,
    /// How often at most.
    pub most_kills: u32,
    /// Not before another checkpoint has completed than those before the last time: so there is always something new to go back to.
    pub kill_after_checkpoints: bool,
    /// Decides who.
    pub seed: u64,
    /// How long to wait for task managers that are not there.
    pub patience: Duration,
    /// How long the job may take.
    pub limit: Duration,
    /// A task manager that says nothing for so long is taken for dead. No less than its own beat.
    pub heartbeat_timeout: Duration,
}

/// Makes the command that starts a task manager: where the coordinator is, its number, the token of the job.
pub type Launch = dyn Fn(SocketAddr, u32, u64) -> Command + Send + Sync;

/// Why a cluster could not be run.
#[derive(Debug)]
pub enum RunError {
    /// The coordinator cannot listen.
    Listen(u16, io::Error),
    /// The folder cannot be used.
    Store(StoreError),
    /// The system has no room for another thread, timer or socket.
    System(io::Error),
    /// The job has not come to its end.
    Cluster(ClusterError),
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunError::Listen(0, error) => write!(f, "cannot listen on 127.0.0.1: {error}"),
            RunError::Listen(port, error) => write!(
                f,
                "cannot listen on 127.0.0.1:{port}: {error}: choose another port, or none, and a free one is taken"
            ),
            RunError::Store(error) => error.fmt(f),
            RunError::System(error) => write!(f, "the system does not let the coordinator begin: {error}"),
            RunError::Cluster(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for RunError {}

/// What a cluster has done.
#[derive(Clone, Debug)]
pub struct Report {
    /// How the job went.
    pub outcome: Outcome,
    /// How often a task manager was killed.
    pub kills: u32,
    /// How it has ended, if it has.
    pub ending: Option<Collected>,
    /// The number of records that readers see.
    pub visible: u64,
    /// The final values of the last operator that has any: see [`Prepared::values`].
    pub values: Vec<(String, i64)>,
    /// What the oracles say.
    pub verdicts: Vec<(&'static str, Verdict)>,
}

/// What the coordinator's process and whoever looks after the children know of each other.
#[derive(Debug, Default)]
struct Shared {
    done: AtomicBool,
    kills: AtomicU32,
}

/// Runs a job on processes of this machine, and judges it.
///
/// # Errors
/// See [`RunError`]. All task managers are gone then, too.
pub fn run(
    prepared: &Prepared,
    (job, order): (Job, Order),
    settings: &Settings,
    launch: &Launch,
    interrupted: &AtomicBool,
) -> Result<Report, RunError> {
    job.check().map_err(|what| RunError::Cluster(ClusterError::Unsupported(what)))?;
    let folder = Folder::new(&order.store);
    folder.begin().map_err(RunError::Store)?;
    let looked_at = folder.clone();
    let runtime = runtime().map_err(RunError::System)?;
    let address = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, settings.port));
    let listener = runtime.block_on(TcpListener::bind(address));
    let listener = listener.map_err(|error| RunError::Listen(settings.port, error))?;
    let address = listener.local_addr().map_err(RunError::System)?;
    // It keeps away what connects by mistake; it is no secret.
    let token = draw(order.seed ^ u64::from(std::process::id()), u64::from(address.port()));
    let rules = Rules {
        nodes: settings.processes,
        token,
        patience: settings.patience,
        limit: settings.limit,
        heartbeat_timeout: settings.heartbeat_timeout,
    };
    let shared = Arc::new(Shared::default());
    let (signals, heard) = unbounded_channel();
    let (evict, evicted) = unbounded_channel();
    let store: Arc<dyn Store> = Arc::new(folder);
    let topology = Arc::clone(&job.topology);
    let launch = |node| launch(address, node, token);
    let outcome = thread::scope(|scope| {
        let nurse = Nurse {
            children: (0..settings.processes).map(|_| None).collect(),
            launch: &launch,
            folder: looked_at,
            newest: None,
            ends: 0,
            has_given_up: false,
            signals,
            shared: &shared,
        };
        scope.spawn(|| nurse.look_after(settings, evicted, interrupted));
        let coordinator =
            coordinator::run(listener, (job, order), Arc::clone(&store), rules, heard, Some(evict));
        let _done = Done(&shared);
        runtime.block_on(coordinator)
    });
    let outcome = outcome.map_err(RunError::Cluster)?;
    let collected = match outcome.finished {
        true => Some(
            runtime
                .block_on(Collected::read(&*store, &topology))
                .map_err(|wrong| RunError::Cluster(ClusterError::Hopeless(wrong)))?,
        ),
        false => None,
    };
    let verdicts = judge(&outcome, collected.as_ref(), prepared.reference());
    let visible = collected.as_ref().map_or(0, Collected::visible);
    let values = collected.as_ref().map_or_else(Vec::new, |collected| prepared.values(collected));
    let kills = shared.kills.load(Ordering::Relaxed);
    Ok(Report { outcome, kills, ending: collected, visible, values, verdicts })
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// Says that everything is over, also when the thread panics.
struct Done<'a>(&'a Shared);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.done.store(true, Ordering::Release);
    }
}

/// Looks after the children.
struct Nurse<'a> {
    children: Vec<Option<Child>>,
    launch: &'a (dyn Fn(u32) -> Command + Sync),
    /// Where checkpoints are, and the newest of them when somebody was killed.
    folder: Folder,
    newest: Option<u64>,
    /// How many have ended by themselves.
    ends: u32,
    /// No more are started.
    has_given_up: bool,
    signals: UnboundedSender<Signal>,
    shared: &'a Shared,
}

impl Nurse<'_> {
    fn look_after(
        mut self,
        settings: &Settings,
        mut evicted: UnboundedReceiver<u32>,
        interrupted: &AtomicBool,
    ) {
        let (key, began) = (key(settings.seed, Stream::Kills), Instant::now());
        let mut next_kill = settings.kill_every.map(|every| began + every);
        while !self.shared.done.load(Ordering::Acquire) {
            if interrupted.load(Ordering::Relaxed) {
                let _ = self.signals.send(Signal::Interrupt);
            }
            for node in 0..self.children.len() {
                self.see_to(node);
            }
            while let Ok(node) = evicted.try_recv() {
                self.kill(node as usize);
            }
            if let (Some(at), Some(every)) = (next_kill, settings.kill_every)
                && Instant::now() >= at
                && self.shared.kills.load(Ordering::Relaxed) < settings.most_kills
                && (!settings.kill_after_checkpoints || self.has_new_checkpoint())
            {
                let nth = self.shared.kills.fetch_add(1, Ordering::Relaxed);
                self.kill(below(draw(key, u64::from(nth)), self.children.len() as u64) as usize);
                let from = if settings.kill_after_checkpoints { Instant::now() } else { at };
                next_kill = Some(from + every);
            }
            thread::sleep(LOOK);
        }
        let dismissed = Instant::now();
        let is_here = |child: &mut Option<Child>| {
            child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
        };
        while dismissed.elapsed() < GRACE && self.children.iter_mut().any(is_here) {
            thread::sleep(LOOK);
        }
    } // what is still here is killed now

    /// Starts a child that is not there, and takes note of one that has ended by itself.
    fn see_to(&mut self, node: usize) {
        let ended = self.children[node].as_mut().and_then(|child| child.try_wait().ok().flatten());
        if let Some(status) = ended {
            if status.success() {
                return; // it was dismissed
            }
            self.children[node] = None;
            self.ends += 1;
            if self.ends > ENDS {
                self.give_up(format!(
                    "task managers end by themselves again and again; the last one: {status}"
                ));
                return;
            }
        }
        if self.children[node].is_none() && !self.has_given_up {
            let mut command = (self.launch)(node as u32);
            match command.stdin(Stdio::null()).stdout(Stdio::null()).spawn() {
                Ok(child) => self.children[node] = Some(child),
                Err(error) => {
                    let program = command.get_program().to_string_lossy().into_owned();
                    self.give_up(format!("cannot start task manager {node} (`{program}`): {error}"));
                }
            }
        }
    }

    /// True if a checkpoint has completed since this was last true.
    fn has_new_checkpoint(&mut self) -> bool {
        let newest = self.folder.newest_checkpoint();
        let is_new = newest > self.newest;
        self.newest = newest.max(self.newest);
        is_new
    }

    /// Kills a child with SIGKILL.
    fn kill(&mut self, node: usize) {
        if let Some(mut child) = self.children.get_mut(node).and_then(Option::take) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    fn give_up(&mut self, why: String) {
        self.has_given_up = true;
        let _ = self.signals.send(Signal::Hopeless(why));
    }
}

impl Drop for Nurse<'_> {
    fn drop(&mut self) {
        (0..self.children.len()).for_each(|node| self.kill(node));
    }
}

/// The job of an order, and its store.
///
/// # Errors
/// If it cannot be built here: an input that cannot be read, say.
fn build(order: &Order, named: &Named) -> Result<(Job, Arc<dyn Store>), String> {
    let text =
        ScenarioText { file: order.file.clone(), folder: order.folder.clone(), text: order.scenario.clone() };
    let scenario = load(&text, &order.overrides).map_err(|error| error.to_string())?;
    let mut texts = Texts::new(scenario.folder.clone().unwrap_or_default());
    if let Some(input) = &order.input {
        texts = texts.instead(input);
    }
    let topology =
        Prepared::tasks_of(&scenario, order.seed, &mut texts).map_err(|error| error.to_string())?;
    let contender =
        named(&order.strategy).ok_or_else(|| format!("there is no strategy `{}` here", order.strategy))?;
    let snapshot = SnapshotMethod::ALL.into_iter().find(|method| method.name() == order.snapshot);
    let snapshot =
        snapshot.ok_or_else(|| format!("there is no snapshot method `{}` here", order.snapshot))?;
    let job = Job { topology: Arc::new(topology), cut: contender.cut, snapshot };
    Ok((job, Arc::new(Folder::new(&order.store))))
}

/// The strategy or the planted bug of a name: those of the project, and those that a program brings.
pub type Named = dyn Fn(&str) -> Option<Contender> + Send + Sync;

/// Runs a task manager in this process, until the coordinator dismisses it or is gone.
///
/// # Errors
/// What went wrong, in words.
pub fn task_manager(
    coordinator: SocketAddr,
    node: u32,
    token: u64,
    named: &'static Named,
) -> Result<(), String> {
    let runtime = runtime().map_err(|error| error.to_string())?;
    let channels = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));
    let post = Post { coordinator, channels, token, node };
    let end = runtime.block_on(worker::run(post, &move |order| build(order, named)));
    runtime.shutdown_background(); // a write that still waits for the disk is of no use any more
    end.map_err(|error| error.to_string())
}
