//! The cluster under madsim: coordinator, store and task managers are nodes of one simulated network, and one seed decides everything.
//!
//! Faults strike at drawn instants: task managers and the store are killed and started again, task managers stand still and go on, links
//! are clogged, packets are lost (a stream sends them again, later), writes to the store fail, commits fail or are not confirmed.
//!
//! Of madsim one must know: a sleep lasts at least a millisecond and every poll moves the time on by 50 to 100 ns, so figures of its
//! time say nothing about costs; its streams keep the order, its datagrams do not, so only streams are used; its files survive
//! every kill, so the disk of the store is a model of our own; tasks of a node that never end are kept until the node is killed; and a run
//! needs a thread of its own.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use cutline_scenarios::prepare::Prepared;
use cutline_sim::oracles::Verdict;
use cutline_sim::random::{Stream, pick, stream};
use madsim::net::NetSim;
use madsim::runtime::{Handle, NodeHandle, Runtime};
use madsim::task::NodeId;
use rand_chacha::ChaCha8Rng;
use tokio::net::TcpListener;
use tokio::sync::mpsc::unbounded_channel;

use crate::coordinator::{self, ClusterError, Outcome, Rules};
use crate::job::{Job, Order};
use crate::store::{Model, Remote, Store, Trouble, serve};
use crate::verdict::{Collected, judge};
use crate::worker::{self, Post};

/// The port of the coordinator, and that of every task manager for channels.
const PORT: u16 = 6000;
/// Where the store is, among the addresses.
const SHELF: u8 = 200;
/// A job that takes longer stalls.
const LIMIT: Duration = Duration::from_secs(200);
/// A task manager that is away for longer does not come back.
const PATIENCE: Duration = Duration::from_secs(60);
/// A node that is down is so for at most so many milliseconds.
const DOWN_MS: u64 = 800;
/// What makes one stand still, or a link clogged, lasts at most so many milliseconds.
const STILL_MS: u64 = 2500;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The number of task managers.
    pub nodes: u32,
    /// Task managers that are killed and started again.
    pub kills: u32,
    /// How often the store is killed and started again.
    pub store_kills: u32,
    /// Task managers that stand still for a while.
    pub pauses: u32,
    /// Links, in one direction, that are clogged for a while.
    pub clogs: u32,
    /// Packets that are lost, in parts per mille.
    pub losses: u32,
    /// What goes wrong with the store.
    pub trouble: Trouble,
    /// Faults strike within so many milliseconds.
    pub within_ms: u64,
}

impl Plan {
    /// Nothing goes wrong.
    pub const QUIET: Plan = Plan {
        nodes: 3,
        kills: 0,
        store_kills: 0,
        pauses: 0,
        clogs: 0,
        losses: 0,
        trouble: Trouble { failed_writes: 0, failed_commits: 0 },
        within_ms: 0,
    };

    /// Everything goes wrong now and then.
    pub const ROUGH: Plan = Plan {
        kills: 3,
        store_kills: 1,
        pauses: 1,
        clogs: 2,
        losses: 10,
        trouble: Trouble { failed_writes: 10, failed_commits: 50 },
        within_ms: 6000,
        ..Plan::QUIET
    };
}

/// What a run has come to.
#[derive(Clone, Debug)]
pub struct Report {
    /// How the job went, or why it did not.
    pub outcome: Result<Outcome, ClusterError>,
    /// How it has ended, if it has.
    pub ending: Option<Collected>,
    /// What the oracles say; nothing, if there is no outcome.
    pub verdicts: Vec<(&'static str, Verdict)>,
}

impl Report {
    /// The first oracle that objects, and its proof; or why there is no outcome.
    pub fn objection(&self) -> Option<(&'static str, String)> {
        match &self.outcome {
            Err(error) => Some(("cluster", error.to_string())),
            Ok(_) => self.verdicts.iter().find_map(|(oracle, verdict)| match verdict {
                Verdict::Fail(proof) => Some((*oracle, proof.clone())),
                Verdict::Pass | Verdict::Unknown(_) => None,
            }),
        }
    }
}

/// Runs a job under one seed, and judges it.
pub fn run(prepared: &Prepared, job: &Job, plan: Plan, seed: u64) -> Report {
    let mut config = madsim::Config::default();
    config.net.packet_loss_rate = f64::from(plan.losses) / 1000.0;
    let job = job.clone();
    let topology = Arc::clone(&job.topology);
    let simulate = move || {
        let runtime = Runtime::with_seed_and_config(seed, config);
        runtime.block_on(simulate(job, plan, seed))
    };
    let (outcome, collected) = match thread::spawn(simulate).join() {
        Ok(ran) => ran,
        Err(panic) => std::panic::resume_unwind(panic),
    };
    let verdicts = match &outcome {
        Ok(outcome) => judge(outcome, collected.as_ref(), prepared.reference()),
        Err(_) => Vec::new(),
    };
    drop(topology);
    Report { outcome, ending: collected, verdicts }
}

async fn simulate(job: Job, plan: Plan, seed: u64) -> (Result<Outcome, ClusterError>, Option<Collected>) {
    let handle = Handle::current();
    let (disk, shelf) = (Model::new(plan.trouble), SocketAddr::from((ip(SHELF), PORT)));
    let store: Arc<dyn Store> = Arc::new(Remote(shelf));
    let kept = keeper(&handle, shelf, &disk);
    let center = SocketAddr::from((ip(0), PORT));
    let coordinator = handle.create_node().name("coordinator").ip(IpAddr::V4(ip(0))).build();
    let rules = Rules {
        nodes: plan.nodes,
        token: seed,
        patience: PATIENCE,
        limit: LIMIT,
        heartbeat_timeout: Duration::from_nanos(job.topology.config.recovery.heartbeat_timeout),
    };
    let (_signals, heard) = unbounded_channel();
    let (mine, asked) = (job.clone(), Arc::clone(&store));
    let ends = coordinator.spawn(async move {
        match TcpListener::bind(center).await {
            Ok(listener) => {
                coordinator::run(listener, (mine, Order::default()), asked, rules, heard, None).await
            }
            Err(error) => Err(ClusterError::Hopeless(error.to_string())),
        }
    });
    let managers: Vec<NodeHandle> =
        (0..plan.nodes).map(|node| manager(&handle, center, node, seed, &job, &store)).collect();
    let victims = (managers.iter().map(NodeHandle::id).collect(), kept.id());
    let faults = madsim::task::spawn(strike(plan, seed, victims));
    let outcome = match ends.await {
        Ok(outcome) => outcome,
        Err(error) => Err(ClusterError::Hopeless(format!("the coordinator has ended: {error}"))),
    };
    faults.abort();
    let collected = match &outcome {
        Ok(outcome) if outcome.finished => Collected::read(&disk, &job.topology).await,
        _ => Err(String::new()),
    };
    handle.kill(coordinator.id());
    managers.iter().chain([&kept]).for_each(|node| handle.kill(node.id()));
    match collected {
        Ok(collected) => (outcome, Some(collected)),
        Err(wrong) if !wrong.is_empty() => (Err(ClusterError::Hopeless(wrong)), None),
        Err(_) => (outcome, None),
    }
}

fn ip(place: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, 1 + place)
}

/// The store. When its node is killed its disk stays.
fn keeper(handle: &Handle, place: SocketAddr, disk: &Model) -> NodeHandle {
    let disk = disk.clone();
    let live = move || {
        let disk = disk.clone();
        async move { drop(serve(place, disk).await) } // who asks notices it
    };
    handle.create_node().name("store").ip(place.ip()).init(live).build()
}

/// A task manager: it begins anew whenever it has lost the coordinator.
fn manager(
    handle: &Handle,
    center: SocketAddr,
    node: u32,
    token: u64,
    job: &Job,
    store: &Arc<dyn Store>,
) -> NodeHandle {
    let address = ip(1 + node as u8);
    let (job, store) = (job.clone(), Arc::clone(store));
    let live = move || {
        let (job, store) = (job.clone(), Arc::clone(&store));
        async move {
            let build = move |_: &Order| Ok((job.clone(), Arc::clone(&store)));
            let post = Post { coordinator: center, channels: SocketAddr::from((address, PORT)), token, node };
            loop {
                let _ = worker::run(post, &build).await; // whatever it was, the coordinator has noticed
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    };
    handle.create_node().name(format!("manager-{node}")).ip(IpAddr::V4(address)).init(live).build()
}

/// A fault that strikes.
#[derive(Clone, Copy, Debug)]
enum Blow {
    Kill,
    KillStore,
    Pause,
    Clog,
}

/// Strikes at drawn instants, one fault after the other.
async fn strike(plan: Plan, seed: u64, (managers, store): (Vec<NodeId>, NodeId)) {
    let mut rng: ChaCha8Rng = stream(seed, Stream::Faults);
    let of = |blow: Blow, count: u32| (0..count).map(move |_| blow);
    let kills = of(Blow::Kill, plan.kills).chain(of(Blow::KillStore, plan.store_kills));
    let blows = kills.chain(of(Blow::Pause, plan.pauses)).chain(of(Blow::Clog, plan.clogs));
    let mut blows: Vec<(u64, Blow)> =
        blows.map(|blow| (pick(&mut rng, plan.within_ms.max(1)), blow)).collect();
    blows.sort_by_key(|(at, _)| *at);
    let (handle, began) = (Handle::current(), std::time::Instant::now());
    for (at, blow) in blows {
        let due = Duration::from_millis(at);
        tokio::time::sleep(due.saturating_sub(began.elapsed())).await;
        let victim = managers[pick(&mut rng, managers.len() as u64) as usize];
        let other =
            managers.get(pick(&mut rng, managers.len() as u64 + 1) as usize).copied().unwrap_or(store);
        let span = |most: u64, rng: &mut ChaCha8Rng| Duration::from_millis(1 + pick(rng, most));
        match blow {
            Blow::Kill => {
                handle.kill(victim);
                tokio::time::sleep(span(DOWN_MS, &mut rng)).await;
                handle.restart(victim);
            }
            Blow::KillStore => {
                handle.kill(store);
                tokio::time::sleep(span(DOWN_MS, &mut rng)).await;
                handle.restart(store);
            }
            Blow::Pause => {
                handle.pause(victim);
                tokio::time::sleep(span(STILL_MS, &mut rng)).await;
                handle.resume(victim);
            }
            Blow::Clog => {
                let net = NetSim::current();
                net.clog_link(victim, other);
                tokio::time::sleep(span(STILL_MS, &mut rng)).await;
                net.unclog_link(victim, other);
            }
        }
    }
}
