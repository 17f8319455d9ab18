//! A task manager: it connects to the coordinator, hears what is run, and runs the tasks that it is given.
//!
//! It lives as long as its connection to the coordinator: when that is gone, for whatever reason, everything that it runs is
//! stopped, and it returns. Nothing that it has in memory matters then, for it is all in the store or can be made again.

mod links;
mod loading;
mod running;
mod storing;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cutline_sim::ids::{Attempt, ChannelId, TaskId};
use cutline_sim::time::Time;
use tokio::io::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::job::{Job, Order};
use crate::messages::{Back, Hello, ToCoordinator, ToTaskManager};
use crate::store::Store;
use crate::task::{Mail, Task};
use crate::together::Together;
use crate::wire::{self, WireError, greet};
use running::Ends;

/// Where a task manager belongs.
#[derive(Clone, Copy, Debug)]
pub struct Post {
    /// Where the coordinator listens.
    pub coordinator: SocketAddr,
    /// Where the task manager is to listen for channels; with port 0 any port.
    pub channels: SocketAddr,
    /// The token of the job.
    pub token: u64,
    /// The number of the task manager.
    pub node: u32,
}

/// Makes of the coordinator's order a job and the store it is kept in.
pub type Build = dyn Fn(&Order) -> Result<(Job, Arc<dyn Store>), String> + Send + Sync;

/// Why a task manager has come to its end before its time.
#[derive(Debug)]
pub enum WorkerError {
    /// It cannot listen for channels.
    Listen(std::io::Error),
    /// The coordinator is not there, or no longer.
    Coordinator(WireError),
    /// It cannot do what it is told.
    Order(String),
}

impl fmt::Display for WorkerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WorkerError::Listen(error) => write!(f, "cannot listen for channels: {error}"),
            WorkerError::Coordinator(error) => write!(f, "the coordinator is gone: {error}"),
            WorkerError::Order(wrong) => f.write_str(wrong),
        }
    }
}

impl std::error::Error for WorkerError {}

/// What happens to a task manager.
enum Event {
    Told(ToTaskManager),
    Lost(WireError),
    /// The sending end of a channel has come.
    Channel(Attempt, ChannelId, TcpStream),
    /// Something of an attempt has failed.
    Broken(Attempt, String),
}

/// The tasks of one attempt.
struct Deployed {
    attempt: Attempt,
    /// When the time of the job was 0.
    began: Instant,
    together: Together,
    /// Their mailboxes.
    mail: BTreeMap<TaskId, UnboundedSender<Mail>>,
    /// Those that have not been started.
    ready: Vec<(Task, UnboundedReceiver<Mail>, Ends)>,
    /// Where what goes back up an input waits for the connection.
    backs: BTreeMap<ChannelId, UnboundedReceiver<Back>>,
}

/// A task manager at work.
struct Worker {
    post: Post,
    job: Job,
    store: Arc<dyn Store>,
    events: UnboundedSender<Event>,
    up: UnboundedSender<ToCoordinator>,
    deployed: Option<Deployed>,
    /// What has come to an end before is not told again.
    told: Option<Attempt>,
}

/// Runs a task manager until the coordinator dismisses it.
///
/// # Errors
/// If it cannot begin, or the coordinator is gone.
pub async fn run(post: Post, build: &Build) -> Result<(), WorkerError> {
    let listener = TcpListener::bind(post.channels).await.map_err(WorkerError::Listen)?;
    let channels = listener.local_addr().map_err(WorkerError::Listen)?;
    let channels = if channels.ip().is_unspecified() { post.channels } else { channels };
    let lost = WorkerError::Coordinator;
    let mut stream =
        TcpStream::connect(post.coordinator).await.map_err(|error| lost(WireError::Io(error)))?;
    links::at_once(&stream);
    greet(&mut stream).await.map_err(lost)?;
    let hello = Hello::TaskManager { token: post.token, node: post.node, channels };
    wire::send(&mut stream, &hello).await.map_err(lost)?;
    let order = match wire::receive(&mut stream).await.map_err(lost)? {
        ToTaskManager::Welcome(order) => order,
        _ => return Err(WorkerError::Order("the coordinator does not begin with the job".to_owned())),
    };
    let (job, store) = match build(&order) {
        Ok(built) => built,
        Err(wrong) => {
            let _ = wire::send(&mut stream, &ToCoordinator::Hopeless(wrong.clone())).await;
            return Err(WorkerError::Order(wrong));
        }
    };
    let (events, mut mailbox) = unbounded_channel();
    let (up, to_send) = unbounded_channel();
    let beside = Together::default();
    let (reading, writing) = tokio::io::split(stream);
    beside.spawn(listen(reading, events.clone()));
    beside.spawn(speak(writing, to_send, events.clone()));
    beside.spawn(links::accept(listener, post.token, events.clone()));
    let recovery = &job.topology.config.recovery;
    beside.spawn(beat(Duration::from_nanos(recovery.heartbeat_interval), up.clone()));
    let mut worker = Worker { post, job, store, events, up, deployed: None, told: None };
    let end = loop {
        let Some(event) = mailbox.recv().await else { break Ok(()) };
        match event {
            Event::Told(ToTaskManager::Leave) => break Ok(()),
            Event::Told(message) => worker.hear(message).await,
            Event::Lost(error) => break Err(lost(error)),
            Event::Channel(attempt, channel, stream) => worker.connected(attempt, channel, stream),
            Event::Broken(attempt, wrong) => worker.broken(attempt, wrong),
        }
    };
    worker.stop();
    beside.stop();
    end
}

/// Hears the coordinator.
async fn listen(mut reading: ReadHalf<TcpStream>, events: UnboundedSender<Event>) {
    loop {
        let event = match wire::receive(&mut reading).await {
            Ok(message) => Event::Told(message),
            Err(error) => {
                let _ = events.send(Event::Lost(error));
                return;
            }
        };
        if events.send(event).is_err() {
            return;
        }
    }
}

/// Speaks to the coordinator.
async fn speak(
    mut writing: WriteHalf<TcpStream>,
    mut to_send: UnboundedReceiver<ToCoordinator>,
    events: UnboundedSender<Event>,
) {
    while let Some(message) = to_send.recv().await {
        if let Err(error) = wire::send(&mut writing, &message).await {
            let _ = events.send(Event::Lost(error));
            return;
        }
    }
}

async fn beat(interval: Duration, up: UnboundedSender<ToCoordinator>) {
    while up.send(ToCoordinator::Heartbeat).is_ok() {
        tokio::time::sleep(interval.max(Duration::from_millis(10))).await;
    }
}

impl Worker {
    async fn hear(&mut self, message: ToTaskManager) {
        match message {
            ToTaskManager::Deploy { attempt, now, checkpoint, tasks } => {
                self.stop();
                match self.load(attempt, checkpoint, tasks).await {
                    Ok(tasks) => self.deploy(attempt, now, tasks),
                    Err(wrong) => drop(self.up.send(ToCoordinator::Hopeless(wrong))),
                }
            }
            ToTaskManager::Start { attempt, places } => self.start(attempt, places),
            ToTaskManager::Down(attempt, task, down, began) => {
                self.tell(attempt, task, Mail::Down(down, began))
            }
            ToTaskManager::Cancel(attempt) => {
                if self.deployed.as_ref().is_some_and(|deployed| deployed.attempt <= attempt) {
                    self.stop();
                }
                let _ = self.up.send(ToCoordinator::Cancelled(attempt));
            }
            ToTaskManager::Welcome(_) | ToTaskManager::Leave => {}
        }
    }

    fn stop(&mut self) {
        if let Some(deployed) = self.deployed.take() {
            deployed.together.stop();
        }
    }

    fn deploy(&mut self, attempt: Attempt, now: Time, tasks: Vec<Task>) {
        let began = Instant::now().checked_sub(Duration::from_nanos(now)).unwrap_or_else(Instant::now);
        let mut deployed = Deployed {
            attempt,
            began,
            together: Together::default(),
            mail: BTreeMap::new(),
            ready: Vec::new(),
            backs: BTreeMap::new(),
        };
        for task in tasks {
            let (sender, mailbox) = unbounded_channel();
            deployed.mail.insert(task.id(), sender);
            let mut ends = Ends::default();
            // Others may start before this task manager hears that it may.
            for &channel in &self.job.topology.tasks[task.id().index()].inputs {
                let (sender, backs) = unbounded_channel();
                ends.inputs.push((channel, sender));
                deployed.backs.insert(channel, backs);
            }
            deployed.ready.push((task, mailbox, ends));
        }
        self.deployed = Some(deployed);
        let _ = self.up.send(ToCoordinator::Deployed(attempt));
    }

    fn tell(&mut self, attempt: Attempt, task: TaskId, message: Mail) {
        let Some(deployed) = self.deployed.as_ref().filter(|deployed| deployed.attempt == attempt) else {
            return;
        };
        if let Some(mail) = deployed.mail.get(&task) {
            let _ = mail.send(message);
        }
    }

    fn broken(&mut self, attempt: Attempt, wrong: String) {
        let is_current = self.deployed.as_ref().is_some_and(|deployed| deployed.attempt == attempt);
        if is_current && self.told != Some(attempt) {
            self.told = Some(attempt);
            let _ = self.up.send(ToCoordinator::Failed(attempt, wrong));
        }
    }
}
