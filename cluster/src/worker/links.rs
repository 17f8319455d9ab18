//! The channels between tasks, each a connection of its own, also between tasks of one task manager.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cutline_sim::ids::{Attempt, ChannelId};
use tokio::io::{AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{Event, Worker};
use crate::messages::{Back, ChannelFrame, Hello, ToCoordinator};
use crate::task::Mail;
use crate::wire::{self, WireError, greet};

/// Small messages are not to wait for more.
pub(super) fn at_once(stream: &TcpStream) {
    let _ = stream.set_nodelay(true); // without it everything is slower, and right
}

/// Takes in the channels that others make.
pub(super) async fn accept(listener: TcpListener, token: u64, events: UnboundedSender<Event>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let events = events.clone();
        tokio::spawn(async move {
            at_once(&stream);
            if greet(&mut stream).await.is_err() {
                return; // none of ours
            }
            let hello = wire::receive(&mut stream).await;
            if let Ok(Hello::Channel { token: theirs, attempt, channel }) = hello
                && theirs == token
            {
                let _ = events.send(Event::Channel(attempt, channel, stream));
            }
        });
    }
}

/// One end of a connection, and whom to tell when it breaks.
#[derive(Clone)]
struct Link {
    attempt: Attempt,
    name: String,
    events: UnboundedSender<Event>,
}

impl Link {
    fn broken(&self, error: &WireError) {
        let _ = self.events.send(Event::Broken(self.attempt, format!("channel {}: {error}", self.name)));
    }
}

impl Worker {
    fn link(&self, attempt: Attempt, channel: ChannelId) -> Link {
        Link { attempt, name: self.job.topology.channel_name(channel), events: self.events.clone() }
    }

    /// The sending end of a channel has come to the task at its receiving end.
    pub(super) fn connected(&mut self, attempt: Attempt, channel: ChannelId, stream: TcpStream) {
        let Some(info) = self.job.topology.channels.get(channel.index()).copied() else { return };
        let link = self.link(attempt, channel);
        let Some(deployed) = self.deployed.as_mut().filter(|deployed| deployed.attempt == attempt) else {
            return;
        };
        let (Some(mail), Some(backs)) = (deployed.mail.get(&info.to), deployed.backs.remove(&channel)) else {
            return;
        };
        let (reading, writing) = tokio::io::split(stream);
        deployed.together.spawn(receive(reading, info.input, mail.clone(), link));
        deployed.together.spawn(answer(writing, backs));
    }

    /// Starts the tasks, and makes the channels that lead out of them.
    pub(super) fn start(&mut self, attempt: Attempt, places: Vec<SocketAddr>) {
        let topology = Arc::clone(&self.job.topology);
        if self.deployed.as_ref().is_none_or(|deployed| deployed.attempt != attempt)
            || places.len() != topology.tasks.len()
        {
            return;
        }
        let mut to_make = Vec::new();
        let Some(deployed) = self.deployed.as_mut() else { return };
        let ready = std::mem::take(&mut deployed.ready);
        let together = deployed.together.clone();
        let mut begun = Vec::new();
        for (task, mailbox, mut ends) in ready {
            let info = &topology.tasks[task.id().index()];
            let Some(mail) = deployed.mail.get(&task.id()).cloned() else { continue };
            for channel in info.channels_out() {
                let (sender, frames) = unbounded_channel();
                ends.outputs.push(sender);
                let to = topology.channels[channel.index()].to;
                to_make.push((channel, places[to.index()], frames, mail.clone()));
            }
            begun.push((task, mailbox, mail, ends));
        }
        let began = deployed.began;
        for (task, mailbox, mail, ends) in begun {
            self.begin(task, mailbox, mail, ends, began, &together);
        }
        let links: Vec<_> = to_make
            .into_iter()
            .map(|(channel, place, frames, mail)| (self.link(attempt, channel), channel, place, frames, mail))
            .collect();
        let (token, up, inner) = (self.post.token, self.up.clone(), together.clone());
        together.spawn(async move {
            for (link, channel, place, frames, mail) in links {
                match connect(place, Hello::Channel { token, attempt, channel }).await {
                    Ok(stream) => {
                        let (reading, writing) = tokio::io::split(stream);
                        let closed = Arc::new(AtomicBool::new(false));
                        let output = topology.channels[channel.index()].output;
                        inner.spawn(send(writing, frames, Arc::clone(&closed), link.clone()));
                        inner.spawn(hear_back(reading, output, mail, closed, link));
                    }
                    Err(error) => return link.broken(&error),
                }
            }
            let _ = up.send(ToCoordinator::Running(attempt));
        });
    }
}

async fn connect(place: SocketAddr, hello: Hello) -> Result<TcpStream, WireError> {
    let mut stream = TcpStream::connect(place).await?;
    at_once(&stream);
    greet(&mut stream).await?;
    wire::send(&mut stream, &hello).await?;
    Ok(stream)
}

/// Sends what leaves a task, and closes its half of the connection when nothing more comes.
async fn send(
    mut writing: WriteHalf<TcpStream>,
    mut frames: UnboundedReceiver<ChannelFrame>,
    closed: Arc<AtomicBool>,
    link: Link,
) {
    while let Some(frame) = frames.recv().await {
        // Said first: the receiver may hang up as soon as it has read this.
        closed.store(frame == ChannelFrame::Close, Ordering::Relaxed);
        if let Err(error) = wire::send(&mut writing, &frame).await {
            if !closed.load(Ordering::Relaxed) {
                link.broken(&error);
            }
            return;
        }
    }
    let _ = writing.shutdown().await; // the receiver knows by the close that this is the end
}

/// Hears of credits until the receiver hangs up. Whoever left before that would make the system drop what is still on the way.
async fn hear_back(
    mut reading: ReadHalf<TcpStream>,
    output: u32,
    mail: UnboundedSender<Mail>,
    closed: Arc<AtomicBool>,
    link: Link,
) {
    loop {
        match wire::receive(&mut reading).await {
            Ok(Back::Credit) => drop(mail.send(Mail::Credit(output))),
            Ok(Back::EndConsumed) => drop(mail.send(Mail::EndConsumed(output))),
            Err(_) if closed.load(Ordering::Relaxed) => return,
            Err(error) => return link.broken(&error),
        }
    }
}

/// Receives what comes to a task.
async fn receive(mut reading: ReadHalf<TcpStream>, input: u32, mail: UnboundedSender<Mail>, link: Link) {
    loop {
        match wire::receive(&mut reading).await {
            Ok(frame) => {
                let is_last = frame == ChannelFrame::Close;
                let _ = mail.send(Mail::Arrived(input, frame));
                if is_last {
                    return;
                }
            }
            Err(error) => return link.broken(&error),
        }
    }
}

/// Sends credits back; that the sender is gone is noticed by whoever reads.
async fn answer(mut writing: WriteHalf<TcpStream>, mut backs: UnboundedReceiver<Back>) {
    while let Some(back) = backs.recv().await {
        if wire::send(&mut writing, &back).await.is_err() {
            return;
        }
    }
}
