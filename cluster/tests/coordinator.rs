//! The coordinator, and task managers that are played by hand.
#![cfg(not(madsim))]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use cutline_cluster::coordinator::{ClusterError, Rules, Signal, run};
use cutline_cluster::job::{Job, Order};
use cutline_cluster::messages::{Hello, ToCoordinator, ToTaskManager};
use cutline_cluster::store::Folder;
use cutline_cluster::wire::{WireError, frame, greet, receive, send};
use cutline_scenarios::library_files::resolve;
use cutline_scenarios::prepare::Prepared;
use cutline_scenarios::run::Contender;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::unbounded_channel;
use tokio::time::timeout;

const TOKEN: u64 = 7;
const SHORT: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_secs(60);

/// Connects as the task manager of this number, or of another job.
async fn connect(coordinator: SocketAddr, node: u32, token: u64) -> TcpStream {
    let mut stream = TcpStream::connect(coordinator).await.expect("a coordinator");
    greet(&mut stream).await.expect("one of ours");
    let channels = SocketAddr::from(([127, 0, 0, 1], 1));
    send(&mut stream, &Hello::TaskManager { token, node, channels }).await.expect("an open connection");
    stream
}

async fn told(stream: &mut TcpStream) -> Result<ToTaskManager, WireError> {
    receive(stream).await
}

#[test]
fn who_builds_is_not_hurried_and_who_has_spoken_must_go_on_speaking() {
    let prepared = Prepared::load(&resolve("wordcount").expect("a scenario"), &[""; 0], 1).expect("a job");
    let contender = Contender::named("aligned").expect("a strategy");
    let topology = Arc::clone(prepared.topology());
    let job = Job { topology, cut: contender.cut, snapshot: contender.snapshot };
    let place = tempfile::tempdir().expect("a folder");
    let folder = Folder::new(place.path().join("kept"));
    folder.begin().expect("an empty folder");
    let rules = Rules { nodes: 2, token: TOKEN, patience: LONG, limit: LONG, heartbeat_timeout: SHORT };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let (signals, heard) = unbounded_channel();
        let ends = tokio::spawn(run(listener, (job, Order::default()), Arc::new(folder), rules, heard, None));

        let mut stranger = connect(address, 0, TOKEN + 1).await;
        assert!(matches!(told(&mut stranger).await, Err(WireError::Closed)), "it is of another job");
        let mut mine = connect(address, 0, TOKEN).await;
        assert!(matches!(told(&mut mine).await, Ok(ToTaskManager::Welcome(_))));
        assert!(timeout(SHORT * 5, told(&mut mine)).await.is_err(), "it builds, and is waited for");
        send(&mut mine, &ToCoordinator::Heartbeat).await.expect("an open connection");
        let end = timeout(LONG, told(&mut mine)).await.expect("a silence that is noticed");
        assert!(end.is_err(), "{end:?}");

        // Who says something damaged is gone, as if it had been killed; and may come back.
        let mut other = connect(address, 1, TOKEN).await;
        assert!(matches!(told(&mut other).await, Ok(ToTaskManager::Welcome(_))));
        let mut damaged = frame(&ToCoordinator::Heartbeat).expect("a message");
        damaged[4] ^= 1;
        other.write_all(&damaged).await.expect("an open connection");
        let end = timeout(LONG, told(&mut other)).await.expect("an end");
        assert!(end.is_err(), "{end:?}");
        let mut again = connect(address, 1, TOKEN).await;
        assert!(matches!(told(&mut again).await, Ok(ToTaskManager::Welcome(_))));

        signals.send(Signal::Interrupt).expect("a coordinator");
        assert_eq!(ends.await.expect("an end"), Err(ClusterError::Interrupted));
    });
}
