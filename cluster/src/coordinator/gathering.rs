//! Who is there: task managers come and go, and the job goes from one phase to the next as they confirm.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Instant;

use cutline_sim::ids::TaskId;
use cutline_sim::protocol::CoordinatorEvent;
use tokio::io::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{ClusterError, Coordinator, Event, Node, Phase};
use crate::messages::{Hello, ToTaskManager};
use crate::together::Together;
use crate::wire::{self, greet};

/// Takes in task managers.
pub(super) async fn accept(listener: TcpListener, token: u64, events: UnboundedSender<Event>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let events = events.clone();
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true); // without it everything is slower, and right
            if greet(&mut stream).await.is_err() {
                return; // none of ours
            }
            let hello = wire::receive(&mut stream).await;
            if let Ok(Hello::TaskManager { token: theirs, node, channels }) = hello
                && theirs == token
            {
                let _ = events.send(Event::Came(node, channels, stream));
            }
        });
    }
}

async fn listen(mut reading: ReadHalf<TcpStream>, node: u32, life: u64, events: UnboundedSender<Event>) {
    loop {
        match wire::receive(&mut reading).await {
            Ok(message) => drop(events.send(Event::Said(node, life, message))),
            Err(error) => return drop(events.send(Event::Gone(node, life, error))),
        }
    }
}

async fn speak(mut writing: WriteHalf<TcpStream>, mut to_send: UnboundedReceiver<ToTaskManager>) {
    while let Some(message) = to_send.recv().await {
        if wire::send(&mut writing, &message).await.is_err() {
            return; // whoever listens notices it too
        }
    }
}

impl Coordinator {
    pub(super) fn node(&self, node: u32) -> Option<&Node> {
        self.nodes.get(node as usize).and_then(Option::as_ref)
    }

    /// The task manager of a task: they are dealt out in turn, so that most channels join two.
    pub(super) fn node_of(&self, task: TaskId) -> u32 {
        task.0 % self.rules.nodes.max(1)
    }

    pub(super) fn is_alive(&self, node: u32, life: u64) -> bool {
        self.node(node).is_some_and(|node| node.life == life)
    }

    pub(super) fn send(&self, node: u32, message: ToTaskManager) {
        if let Some(node) = self.node(node) {
            let _ = node.to.send(message);
        }
    }

    /// A task manager has connected. If one of its number was there, that one is gone.
    pub(super) fn came(&mut self, node: u32, channels: SocketAddr, stream: TcpStream) {
        if node >= self.rules.nodes {
            return;
        }
        if self.node(node).is_some() {
            self.gone(node, &format!("task manager {node} has begun anew"));
        }
        self.lives += 1;
        let (to, to_send) = unbounded_channel();
        let (reading, writing) = tokio::io::split(stream);
        let ends = Together::default();
        ends.spawn(listen(reading, node, self.lives, self.events.clone()));
        ends.spawn(speak(writing, to_send));
        let _ = to.send(ToTaskManager::Welcome(self.order.clone()));
        self.nodes[node as usize] =
            Some(Node { life: self.lives, channels, to, heard: Instant::now(), speaks: false, ends });
    }

    /// A task manager is gone.
    pub(super) fn gone(&mut self, node: u32, why: &str) {
        if self.nodes.iter().all(Option::is_some) {
            self.lonely = Instant::now();
        }
        // If it is still there, it learns by this that it is given up.
        if let Some(node) = self.nodes[node as usize].take() {
            node.ends.stop();
        }
        self.fail(why.to_owned());
        self.cancelled(node); // nothing of it is left
    }

    /// Looks who has not been heard of for too long.
    pub(super) fn look(&mut self) {
        for node in 0..self.rules.nodes {
            let Some(there) = self.node(node) else { continue };
            let most = if there.speaks { self.rules.heartbeat_timeout } else { self.rules.patience };
            if there.heard.elapsed() > most {
                self.gone(node, &format!("task manager {node} was not heard of for too long"));
                if let Some(evict) = &self.evict {
                    let _ = evict.send(node);
                }
            }
        }
        let missing = (0..self.rules.nodes).find(|&node| self.node(node).is_none());
        if let Some(node) = missing
            && self.lonely.elapsed() > self.rules.patience
        {
            let waited = self.rules.patience;
            self.wrong = Some(ClusterError::Missing { node, waited });
        }
    }

    /// A task manager has confirmed that nothing of the former attempt is left.
    pub(super) fn cancelled(&mut self, node: u32) {
        if let Phase::Cancelling(awaited) = &mut self.phase {
            awaited.remove(&node);
        }
    }

    /// Deploys the job, if nothing is left of the former attempt, all are there and no metadata are being written.
    pub(super) fn deploy_if_ready(&mut self) {
        let Phase::Cancelling(awaited) = &self.phase else { return };
        let all = self.nodes.iter().all(Option::is_some);
        if awaited.is_empty() && all && !self.books.is_writing() && Instant::now() >= self.restart_at {
            self.tell_cut(CoordinatorEvent::Recover);
        }
    }

    /// The tasks of a task manager are ready: when all are, the channels are made.
    pub(super) fn deployed(&mut self, node: u32) {
        let Phase::Deploying(awaited) = &mut self.phase else { return };
        awaited.remove(&node);
        if !awaited.is_empty() {
            return;
        }
        let tasks = (0..self.job.topology.tasks.len() as u32).map(TaskId);
        let places: Option<Vec<SocketAddr>> =
            tasks.map(|task| self.node(self.node_of(task)).map(|node| node.channels)).collect();
        let Some(places) = places else { return };
        let all: BTreeSet<u32> = (0..self.rules.nodes).collect();
        for &node in &all {
            self.send(node, ToTaskManager::Start { attempt: self.attempt, places: places.clone() });
        }
        self.phase = Phase::Starting(all);
    }

    /// The tasks of a task manager run: when all do, checkpoints may begin.
    pub(super) fn running(&mut self, node: u32) {
        let Phase::Starting(awaited) = &mut self.phase else { return };
        awaited.remove(&node);
        if awaited.is_empty() {
            self.phase = Phase::Running;
            self.outcome.went_on += u32::from(matches!(self.outcome.restored.last(), Some(Some(_))));
            self.tell_cut(CoordinatorEvent::Started);
        }
    }
}
