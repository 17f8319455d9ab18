//! The store as a node of madsim: a server with a [`Model`] for its disk, which is asked over the network. It can be killed, links to it
//! can be clogged, and packets are lost. Who asks cannot know whether what was not answered was done, so every request may be
//! done twice: a write puts the same there again, and a rename that finds nothing was done before.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use super::{Doing, Model, Store, StoreError};
use crate::wire::{self, WireError, greet};

/// An answer that takes longer does not come any more.
const ANSWER: Duration = Duration::from_secs(2);
/// So long a request is made again before the store is taken for gone.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(50);

/// A request.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Ask {
    Put(String, Vec<u8>),
    Get(String),
    List(String),
    Rename(String, String),
    Delete(String),
}

/// What comes of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Answer {
    Done,
    Object(Vec<u8>),
    Names(Vec<String>),
    Renamed(bool),
    Failed(String),
}

/// Answers whoever asks, until the node is killed.
///
/// # Errors
/// If it cannot listen there.
pub async fn serve(place: SocketAddr, disk: Model) -> std::io::Result<()> {
    let listener = TcpListener::bind(place).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(answer(stream, disk.clone()));
    }
}

async fn answer(mut stream: TcpStream, disk: Model) -> Result<(), WireError> {
    greet(&mut stream).await?;
    let done = match wire::receive(&mut stream).await? {
        Ask::Put(name, bytes) => disk.put(name, bytes).await.map(|()| Answer::Done),
        Ask::Get(name) => disk.get(name).await.map(Answer::Object),
        Ask::List(folder) => disk.list(&folder).await.map(Answer::Names),
        Ask::Rename(from, to) => disk.rename(from, to).await.map(Answer::Renamed),
        Ask::Delete(name) => disk.delete(name).await.map(|()| Answer::Done),
    };
    wire::send(&mut stream, &done.unwrap_or_else(|StoreError(wrong)| Answer::Failed(wrong))).await
}

/// The store, as the other nodes have it.
#[derive(Clone, Copy, Debug)]
pub struct Remote(pub SocketAddr);

impl Remote {
    /// Asks until there is an answer.
    fn ask<T: Send + 'static>(&self, ask: Ask, read: fn(Answer) -> Option<T>) -> Doing<T> {
        let Remote(place) = *self;
        Box::pin(async move {
            let began = Instant::now();
            loop {
                match timeout(ANSWER, once(place, &ask)).await {
                    Ok(Ok(Answer::Failed(wrong))) => return Err(StoreError(wrong)),
                    Ok(Ok(answer)) => {
                        return read(answer)
                            .ok_or_else(|| StoreError("the store answers something else".to_owned()));
                    }
                    _ if began.elapsed() > PATIENCE => {
                        return Err(StoreError("the store does not answer".to_owned()));
                    }
                    _ => sleep(PAUSE).await,
                }
            }
        })
    }
}

async fn once(place: SocketAddr, ask: &Ask) -> Result<Answer, WireError> {
    let mut stream = TcpStream::connect(place).await?;
    greet(&mut stream).await?;
    wire::send(&mut stream, ask).await?;
    wire::receive(&mut stream).await
}

fn done(answer: Answer) -> Option<()> {
    matches!(answer, Answer::Done).then_some(())
}

impl Store for Remote {
    fn put(&self, name: String, bytes: Vec<u8>) -> Doing<()> {
        self.ask(Ask::Put(name, bytes), done)
    }

    fn get(&self, name: String) -> Doing<Vec<u8>> {
        self.ask(Ask::Get(name), |answer| match answer {
            Answer::Object(bytes) => Some(bytes),
            _ => None,
        })
    }

    fn list(&self, folder: &str) -> Doing<Vec<String>> {
        self.ask(Ask::List(folder.to_owned()), |answer| match answer {
            Answer::Names(names) => Some(names),
            _ => None,
        })
    }

    fn rename(&self, from: String, to: String) -> Doing<bool> {
        self.ask(Ask::Rename(from, to), |answer| match answer {
            Answer::Renamed(found) => Some(found),
            _ => None,
        })
    }

    fn delete(&self, name: String) -> Doing<()> {
        self.ask(Ask::Delete(name), done)
    }

    fn place(&self, name: &str) -> String {
        name.to_owned()
    }
}
