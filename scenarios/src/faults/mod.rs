//! Fault profiles: which families of faults a run may meet, and how hard they strike. A profile is a TOML file; [`draw()`]
//! makes of it, of a topology and of a seed one plain plan, which is printed before the run.
//!
//! Each family of a profile is wholly off in half of all seeds, decided by a draw of its own ("every fault slightly on"
//! hides bugs: a family that is off lets another work undisturbed). So a profile of n families has no fault at all in one
//! of 2^n seeds: `crashes` and `messages` in one of 16 (6.25 %), `network`, `sinks` and `storage` in one of 4, `everything` in one of
//! 8192, `none` in every one. Such a run is a legitimate one: it shows that the job is right when nothing happens to it.
//!
//! What is not modelled: faults that depend on one another across families (each family draws from a stream of its own,
//! so that taking one out leaves the others as they were), with one exception inside a family: `recovery-crash` brings
//! the crash that begins the first recovery, because without one it would never strike.

mod draw;
pub mod schema;
#[cfg(test)]
mod tests;

use std::path::Path;

use cutline_sim::faults::Planned;
use serde::Deserialize;

pub use draw::draw;

use crate::library_files::{ScenarioText, Shelf, find};
use crate::spec::load::{Format, check_about, read};
use crate::spec::{Document, ScenarioError};
use draw::{Draws, Scene};
use schema::{ChanceSpec, CrashSpec, FactorSpec, LateSpec, LinkSpec, PointCrashSpec, Window};

/// A row of `cutline list faults`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProfileRow {
    /// The name, which is also the file's.
    pub name: &'static str,
    /// What the file says of itself.
    pub about: &'static str,
}

macro_rules! profiles {
    ($($name:literal, $about:literal;)*) => {
        /// The profiles that come with Cutline, by name.
        pub const PROFILES: &[ProfileRow] = &[$(ProfileRow { name: $name, about: $about },)*];

        /// Their texts.
        const TEXTS: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../faults/", $name, ".toml"))),)*];
    };
}

profiles! {
    "crashes", "Tasks and nodes crash: at any time, at the points of a checkpoint, and while the job recovers.";
    "everything", "Every family of faults; each is off in half of the seeds.";
    "messages", "Control messages are lost, late, doubled and overtaken.";
    "network", "Links between nodes and single tasks are slow for a while.";
    "none", "No faults: the run that others are compared with.";
    "sinks", "Commits of transactional sinks fail, or their answers are lost, and tasks crash.";
    "storage", "Writes to the durable store fail, or take many times as long.";
}

macro_rules! families {
    ($($(#[$doc:meta])* $kind:ident = $number:literal, $field:ident: $spec:ty, $name:literal, $draw:path;)*) => {
        /// A family of faults: one table of a profile. The numbers are part of every seed's meaning: never change or
        /// reuse one.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Family {
            $($(#[$doc])* $kind = $number,)*
        }

        impl Family {
            /// All families, in the order of a profile.
            pub const ALL: &[Family] = &[$(Family::$kind,)*];

            /// The name of its table in a profile.
            pub fn name(self) -> &'static str {
                match self { $(Family::$kind => $name,)* }
            }
        }

        /// What a profile says.
        #[derive(Clone, Debug, PartialEq, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct ProfileSpec {
            /// One line for a list.
            pub about: String,
            /// When faults strike.
            #[serde(default)]
            pub window: Window,
            $($(#[$doc])* #[serde(rename = $name)] pub $field: Option<$spec>,)*
        }

        impl ProfileSpec {
            /// The families that the profile has.
            pub fn families(&self) -> Vec<Family> {
                let mut families = Vec::new();
                $(if self.$field.is_some() { families.push(Family::$kind); })*
                families
            }

            /// The same profile without one family; plans drawn from it have the other faults as they were.
            #[must_use]
            pub fn without(mut self, family: Family) -> Self {
                match family { $(Family::$kind => self.$field = None,)* }
                self
            }

            /// The faults of one family, which is not off.
            fn strike(&self, family: Family, scene: &Scene<'_>, draws: &mut Draws) -> Vec<Planned> {
                match family {
                    $(Family::$kind => match &self.$field {
                        Some(spec) => $draw(spec, scene, draws),
                        None => Vec::new(),
                    },)*
                }
            }
        }
    };
}

families! {
    /// Tasks crash at any time.
    TaskCrash = 1, task_crash: CrashSpec, "task-crash", draw::task_crashes;
    /// Nodes crash at any time.
    NodeCrash = 2, node_crash: CrashSpec, "node-crash", draw::node_crashes;
    /// Tasks and nodes crash at points of the protocol.
    PointCrash = 3, point_crash: PointCrashSpec, "point-crash", draw::point_crashes;
    /// A crash, and more of them while the job recovers.
    RecoveryCrash = 4, recovery_crash: CrashSpec, "recovery-crash", draw::recovery_crashes;
    /// Control messages do not arrive.
    LostMessages = 5, lost_messages: ChanceSpec, "lost-messages", draw::lost_messages;
    /// Control messages arrive late, and hold up those behind them.
    DelayedMessages = 6, delayed_messages: LateSpec, "delayed-messages", draw::delayed_messages;
    /// Control messages arrive twice.
    DoubledMessages = 7, doubled_messages: ChanceSpec, "doubled-messages", draw::doubled_messages;
    /// Control messages are overtaken by later ones.
    ReorderedMessages = 8, reordered_messages: LateSpec, "reordered-messages", draw::reordered_messages;
    /// Channels from one node to another take longer.
    SlowLink = 9, slow_link: LinkSpec, "slow-link", draw::slow_links;
    /// Tasks take a multiple of their service time.
    SlowTask = 10, slow_task: FactorSpec, "slow-task", draw::slow_tasks;
    /// Writes to the store fail.
    FailedWrites = 11, failed_writes: ChanceSpec, "failed-writes", draw::failed_writes;
    /// Writes to the store take a multiple of their time.
    SlowWrites = 12, slow_writes: FactorSpec, "slow-writes", draw::slow_writes;
    /// Commits of transactional sinks fail.
    FailedCommits = 13, failed_commits: ChanceSpec, "failed-commits", draw::failed_commits;
}

/// A fault profile, and where each of its words stands.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The name of the file, without folder and ending.
    pub name: String,
    /// What it says.
    pub spec: ProfileSpec,
    /// The text it was read from.
    pub document: Document,
}

const FORMAT: Format = Format {
    noun: "profile",
    needs: "at least `about`",
    about: "what strikes, and why",
    missing: |at_top, key| match (at_top, key) {
        (true, _) => "add `about = \"...\"` at the top: one line that says what strikes",
        (_, "count") => "add `count = [1, 3]`: from how many to how many of these faults a run meets",
        (_, "lasts") => "add `lasts = [\"100ms\", \"2s\"]`: from how long to how long each fault lasts",
        (_, "by") => "add `by = [\"1ms\", \"100ms\"]`: from how much to how much later things happen",
        (_, "per-mille") => "add `per-mille = [5, 50]`: from how many to how many of 1000 it strikes",
        (_, "factor") => "add `factor = [2, 50]`: from how many to how many times as long it takes",
        _ => "add it",
    },
};

/// Finds a profile by its name in the library or, if there is none of that name, reads it from a file. Write `./name` for
/// a file whose name the library has too.
///
/// # Errors
/// If there is no such profile, if the file cannot be read, is longer than 1 MiB or is not UTF-8, or if its text is not a
/// profile. The error points at the line.
pub fn resolve(name_or_path: &str) -> Result<Profile, ScenarioError> {
    load(&text(name_or_path)?)
}

/// The text of a profile, found as [`resolve`] finds it.
///
/// # Errors
/// If there is no such profile, or if the file cannot be read, is longer than 1 MiB or is not UTF-8.
pub fn text(name_or_path: &str) -> Result<ScenarioText, ScenarioError> {
    find(&Shelf { rows: TEXTS, folder: "scenarios/faults", noun: FORMAT.noun }, name_or_path)
}

/// Reads a profile from its text.
///
/// # Errors
/// If the text is not TOML or not a profile. The error points at the line.
pub fn load(source: &ScenarioText) -> Result<Profile, ScenarioError> {
    let (spec, document): (ProfileSpec, _) = read(source, &[], &FORMAT)?;
    check_about(&spec.about, &document, &FORMAT)?;
    let stem = Path::new(&source.file).file_stem().unwrap_or_default();
    Ok(Profile { name: stem.to_string_lossy().into_owned(), spec, document })
}
