//! A savepoint as plain data, for a file: numbers, lists and names, which any form of serde can carry. What a savepoint keeps is
//! exactly what is here, so a job goes on from a file as it does from memory.
//!
//! What comes from a file is not believed: [`Savepoint::from_form`] checks every number by which something is found or counted,
//! and takes no more room than the file does. It cannot see whether what an operator will read in its own state makes sense;
//! the file's checksum is there for that.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Kind, Saved, SavedOperator, Savepoint};
use crate::channel::Item;
use crate::external::{Expired, External, Prepared, TransactionId};
use crate::graph::{EdgeSpec, Ship, SinkMode};
use crate::ids::{Attempt, CheckpointId, OperatorId, TaskId};
use crate::protocol::InputSet;
use crate::record::Record;
use crate::snapshot::{OnChannel, SplitPosition, TaskSnapshot};
use crate::state::{KeyedState, Slot, Timer};
use crate::time::{NEVER, Time};
use crate::topology::Edge;

/// Counts and ids in a savepoint are at most this, so that none overflows when a job adds them up and counts on.
const MOST: u64 = 1 << 48;
/// A subtask has at most so many bytes of state.
const BYTES_MOST: u64 = 1 << 60;
/// The latest event time that a source may have read, as inputs are limited.
const LATEST: Time = 1 << 63;

/// A savepoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SavepointForm {
    checkpoint: u64,
    attempt: u32,
    key_groups: u32,
    is_whole: bool,
    operators: Vec<OperatorForm>,
    /// From and to, by number of the operator; how; the port; whether it is a feedback edge.
    edges: Vec<(u32, u32, Ship, u32, bool)>,
    external: ExternalForm,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct OperatorForm {
    uid: String,
    kind: KindForm,
    does: String,
    /// Of a source: a split, and the fingerprint of what was read of it.
    read: Vec<(u32, u64)>,
    subtasks: Vec<Option<SubtaskForm>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum KindForm {
    Source,
    Transform,
    Sink(SinkMode),
}

/// Key, map, slot, value.
type EntryForm = (u64, u32, u64, i64);
/// Lineage, key, value, event time, size.
type RecordForm = (u64, u64, i64, Time, u32);
/// Task, checkpoint, attempt.
type TransactionForm = (u32, u64, u32);
/// What is on a channel, by its number among the task's inputs or outputs.
type ChannelForm = (u32, Vec<ItemForm>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ItemForm {
    Record(RecordForm),
    Watermark(Time),
    End,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct SubtaskForm {
    opened: bool,
    /// The watermark that the operator has seen.
    watermark: Time,
    values: Vec<(u64, i64)>,
    maps: Vec<EntryForm>,
    /// Time, key, slot.
    timers: Vec<(Time, u64, u64)>,
    list: Vec<RecordForm>,
    broadcast: Vec<EntryForm>,
    /// Split, offset, event time, whether it is at its end.
    splits: Vec<(u32, u64, Time, bool)>,
    /// Of a source: the last watermark it sent, and how many marked records have passed.
    sent_watermark: Time,
    marked: u32,
    pending: Vec<TransactionForm>,
    captured: Vec<ChannelForm>,
    unsent: Vec<ChannelForm>,
    ended_inputs: Vec<u32>,
    ended: bool,
    records: u64,
    lineages: u64,
    bytes: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct ExternalForm {
    epochs: Vec<(u32, u32)>,
    /// With the instant when it is aborted, if it has records.
    prepared: Vec<(TransactionForm, Vec<RecordForm>, Option<Time>)>,
    committed: Vec<(TransactionForm, Vec<RecordForm>)>,
    /// Transactions that expired before their commit, and how many records each had.
    lost: Vec<(TransactionForm, u64)>,
    logs: Vec<(u32, Vec<RecordForm>)>,
}

/// What is wrong with a form: it is no savepoint of any job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormError {
    place: String,
    wrong: &'static str,
}

impl fmt::Display for FormError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.wrong)
    }
}

impl std::error::Error for FormError {}

impl Savepoint {
    /// The savepoint as plain data.
    pub fn form(&self) -> SavepointForm {
        let saved = &*self.saved;
        let edge = |edge: &Edge| {
            let EdgeSpec { ship, port, feedback } = edge.spec;
            (edge.from.0, edge.to.0, ship, port, feedback)
        };
        SavepointForm {
            checkpoint: saved.id.0,
            attempt: saved.attempt.0,
            key_groups: saved.key_groups,
            is_whole: saved.is_whole,
            operators: saved.operators.iter().map(OperatorForm::of).collect(),
            edges: saved.edges.iter().map(edge).collect(),
            external: ExternalForm::of(&saved.external, &saved.pending()),
        }
    }

    /// The savepoint of a form.
    ///
    /// # Errors
    /// If it is no savepoint of any job.
    pub fn from_form(form: SavepointForm) -> Result<Savepoint, FormError> {
        let check = |fine: bool, place: &str, wrong| check(fine, || place.to_owned(), wrong);
        check((1..=MOST).contains(&form.checkpoint), "checkpoint", "no checkpoint has this id")?;
        check((1..1 << 31).contains(&form.attempt), "attempt", "no attempt has this number")?;
        check(!form.operators.is_empty(), "operators", "there are none")?;
        let id = CheckpointId(form.checkpoint);
        let shape = Shape::of(&form)?;
        let (mut operators, mut first, mut uids) = (Vec::new(), 0u32, BTreeSet::new());
        for (at, operator) in form.operators.into_iter().enumerate() {
            let uid = operator.uid.clone();
            if !uids.insert(uid.clone()) {
                return Err(FormError {
                    place: format!("operator `{uid}`"),
                    wrong: "another one has the same uid",
                });
            }
            let operator = operator.build(id, first, shape.inputs[at], shape.outputs[at])?;
            first += operator.parallelism();
            operators.push(operator);
        }
        let edge = |(from, to, ship, port, feedback): (u32, u32, Ship, u32, bool)| Edge {
            from: OperatorId(from),
            to: OperatorId(to),
            spec: EdgeSpec { ship, port, feedback },
        };
        let saved = Saved {
            id,
            attempt: Attempt(form.attempt),
            key_groups: form.key_groups,
            operators,
            edges: form.edges.into_iter().map(edge).collect(),
            external: form.external.build(first)?,
            is_whole: form.is_whole,
        };
        Ok(Savepoint { saved: Arc::new(saved), allow_non_restored_state: false })
    }
}

fn check(fine: bool, place: impl FnOnce() -> String, wrong: &'static str) -> Result<(), FormError> {
    if fine { Ok(()) } else { Err(FormError { place: place(), wrong }) }
}

/// How many inputs and outputs each subtask of an operator has.
struct Shape {
    inputs: Vec<u64>,
    outputs: Vec<u64>,
}

impl Shape {
    fn of(form: &SavepointForm) -> Result<Shape, FormError> {
        let mut subtasks = 0;
        for operator in &form.operators {
            let place = || format!("operator `{}`", operator.uid);
            let parallelism = operator.subtasks.len() as u64;
            check(parallelism > 0, place, "it has no subtasks")?;
            let most = u64::from(form.key_groups);
            check(parallelism <= most, place, "it has more subtasks than there are key groups")?;
            subtasks += parallelism;
        }
        check(subtasks < 1 << 31, || "operators".to_owned(), "they have too many subtasks")?;
        let none = || vec![0; form.operators.len()];
        let mut shape = Shape { inputs: none(), outputs: none() };
        for (at, &(from, to, ship, _, _)) in form.edges.iter().enumerate() {
            let place = || format!("edge {at}");
            let (from, to) = (from as usize, to as usize);
            let parallelism = |of: usize| form.operators.get(of).map(|it| it.subtasks.len() as u64);
            let (Some(senders), Some(receivers)) = (parallelism(from), parallelism(to)) else {
                return check(false, place, "there is no operator of this number").map(|()| shape);
            };
            let forward = ship == Ship::Forward;
            check(!forward || senders == receivers, place, "its ends have not the same parallelism")?;
            shape.inputs[to] += if forward { 1 } else { senders };
            shape.outputs[from] += if forward { 1 } else { receivers };
        }
        Ok(shape)
    }
}

impl OperatorForm {
    fn of(saved: &SavedOperator) -> OperatorForm {
        OperatorForm {
            uid: saved.uid.clone(),
            kind: match saved.kind {
                Kind::Source => KindForm::Source,
                Kind::Transform => KindForm::Transform,
                Kind::Sink(mode) => KindForm::Sink(mode),
            },
            does: saved.does.clone(),
            read: saved.read.iter().map(|(&split, &read)| (split, read)).collect(),
            subtasks: saved.subtasks.iter().map(|it| it.as_deref().map(SubtaskForm::of)).collect(),
        }
    }

    /// An operator whose first subtask is this task, and whose subtasks have so many inputs and outputs.
    fn build(
        self,
        id: CheckpointId,
        first: u32,
        inputs: u64,
        outputs: u64,
    ) -> Result<SavedOperator, FormError> {
        let tasks = first..first + self.subtasks.len() as u32;
        let kind = match self.kind {
            KindForm::Source => Kind::Source,
            KindForm::Transform => Kind::Transform,
            KindForm::Sink(mode) => Kind::Sink(mode),
        };
        let mut subtasks = Vec::with_capacity(self.subtasks.len());
        for (at, form) in self.subtasks.into_iter().enumerate() {
            let uid = &self.uid;
            let check = |fine, wrong| check(fine, || format!("subtask {at} of operator `{uid}`"), wrong);
            let Some(form) = form else {
                subtasks.push(None);
                continue;
            };
            let is_sink = kind == Kind::Sink(SinkMode::Transactional);
            let mine =
                form.pending.iter().all(|&(task, id, _)| is_sink && tasks.contains(&task) && id <= MOST);
            check(mine, "it has a transaction that is not its own")?;
            check(kind == Kind::Source || form.splits.is_empty(), "it has a split and is no source")?;
            let at_inputs = form.captured.iter().map(|(at, _)| at).all(|&at| u64::from(at) < inputs)
                && form.ended_inputs.iter().all(|&at| u64::from(at) < inputs);
            check(at_inputs, "it has something of an input that it does not have")?;
            let at_outputs = form.unsent.iter().all(|&(at, _)| u64::from(at) < outputs);
            check(at_outputs, "it has something for an output that it does not have")?;
            check(form.records <= MOST && form.bytes <= BYTES_MOST, "it has too large a count")?;
            let times = form.splits.iter().map(|split| split.2).chain([form.sent_watermark]);
            check(times.max() <= Some(LATEST), "it has read something behind the end of time")?;
            subtasks.push(Some(Arc::new(form.build(TaskId(first + at as u32), id))));
        }
        let read = self.read.into_iter().collect();
        Ok(SavedOperator { uid: self.uid, kind, does: self.does, read, first: TaskId(first), subtasks })
    }
}

fn entry_form((slot, value): (Slot, i64)) -> EntryForm {
    (slot.key, slot.map, slot.slot, value)
}

fn entry((key, map, slot, value): EntryForm) -> (Slot, i64) {
    (Slot { key, map, slot }, value)
}

fn record_form(record: &Record) -> RecordForm {
    (record.lineage, record.key, record.value, record.event_time, record.size)
}

fn record((lineage, key, value, event_time, size): RecordForm) -> Record {
    Record { lineage, key, value, event_time, size }
}

fn transaction_form(name: &TransactionId) -> TransactionForm {
    (name.task.0, name.id.0, name.attempt.0)
}

fn transaction((task, id, attempt): TransactionForm) -> TransactionId {
    TransactionId { task: TaskId(task), id: CheckpointId(id), attempt: Attempt(attempt) }
}

fn channel_form(on: &OnChannel) -> ChannelForm {
    let item = |item: &Item| match item {
        Item::Record(record) => Some(ItemForm::Record(record_form(record))),
        Item::Watermark(time) => Some(ItemForm::Watermark(*time)),
        Item::End => Some(ItemForm::End),
        Item::Probe(_) => None, // no savepoint has one
    };
    (on.at, on.items.iter().filter_map(item).collect())
}

fn on_channel((at, items): ChannelForm) -> OnChannel {
    let item = |item| match item {
        ItemForm::Record(form) => Item::Record(record(form)),
        ItemForm::Watermark(time) => Item::Watermark(time),
        ItemForm::End => Item::End,
    };
    OnChannel { at, items: items.into_iter().map(item).collect() }
}

impl SubtaskForm {
    fn of(saved: &TaskSnapshot) -> SubtaskForm {
        let state = &saved.state;
        SubtaskForm {
            opened: state.opened,
            watermark: state.watermark,
            values: state.values().collect(),
            maps: state.all_entries().map(entry_form).collect(),
            timers: state.timers().map(|timer| (timer.time, timer.key, timer.slot)).collect(),
            list: state.list.elements().iter().map(record_form).collect(),
            broadcast: state.broadcast.entries().map(entry_form).collect(),
            splits: saved.splits.iter().map(|at| (at.split, at.offset, at.event_time, at.ended)).collect(),
            sent_watermark: saved.watermark,
            marked: saved.marked as u32,
            pending: saved.pending.iter().map(transaction_form).collect(),
            captured: saved.captured.iter().map(channel_form).collect(),
            unsent: saved.unsent.iter().map(channel_form).collect(),
            ended_inputs: saved.ended_inputs.iter().collect(),
            ended: saved.ended,
            records: saved.records,
            lineages: saved.lineages,
            bytes: saved.bytes,
        }
    }

    fn build(self, task: TaskId, id: CheckpointId) -> TaskSnapshot {
        let timer = |(time, key, slot)| Timer { time, key, slot };
        let mut state = KeyedState::of_entries(
            self.values.into_iter().collect(),
            self.maps.into_iter().map(entry).collect(),
            self.timers.into_iter().map(timer).collect(),
        );
        self.list.into_iter().for_each(|element| state.list.push(record(element)));
        for (slot, value) in self.broadcast.into_iter().map(entry) {
            state.broadcast.set_entry(slot, value);
        }
        (state.opened, state.watermark) = (self.opened, self.watermark);
        let split = |(split, offset, event_time, ended)| SplitPosition { split, offset, event_time, ended };
        let captured: Vec<OnChannel> = self.captured.into_iter().map(on_channel).collect();
        let unsent: Vec<OnChannel> = self.unsent.into_iter().map(on_channel).collect();
        let mut ended_inputs = InputSet::default();
        for input in self.ended_inputs {
            ended_inputs.insert(input);
        }
        TaskSnapshot {
            task,
            id,
            state,
            splits: self.splits.into_iter().map(split).collect(),
            watermark: self.sent_watermark,
            marked: self.marked as usize,
            pending: self.pending.into_iter().map(transaction).collect(),
            in_flight: captured.iter().chain(&unsent).flat_map(|on| &on.items).map(Item::bytes).sum(),
            captured,
            unsent,
            ended_inputs,
            ended: self.ended,
            records: self.records,
            lineages: self.lineages,
            bytes: self.bytes,
            ..TaskSnapshot::default()
        }
    }
}

impl ExternalForm {
    /// Of what is prepared only `pending` can still be committed.
    fn of(external: &External, pending: &BTreeSet<TransactionId>) -> ExternalForm {
        let records = |records: &[Record]| -> Vec<RecordForm> { records.iter().map(record_form).collect() };
        let named = |name: &TransactionId, them: &Arc<Vec<Record>>| (transaction_form(name), records(them));
        let prepared = external.prepared.iter().filter(|(name, _)| pending.contains(name));
        ExternalForm {
            epochs: external.epochs.iter().map(|(task, attempt)| (task.0, attempt.0)).collect(),
            prepared: prepared
                .map(|(name, Prepared { records: them, until })| {
                    (transaction_form(name), records(them), (*until < NEVER).then_some(*until))
                })
                .collect(),
            committed: external.committed.iter().map(|(name, them)| named(name, them)).collect(),
            lost: external.lost.iter().map(|it| (transaction_form(&it.transaction), it.records)).collect(),
            logs: external.logs.iter().map(|(task, them)| (task.0, records(them))).collect(),
        }
    }

    /// The external system of a job with so many tasks.
    fn build(self, tasks: u32) -> Result<External, FormError> {
        let prepared = self.prepared.iter().map(|(name, ..)| name);
        let named = prepared.chain(self.committed.iter().map(|(name, _)| name)).map(|name| name.0);
        let named = named.chain(self.lost.iter().map(|(name, _)| name.0));
        let others = self.epochs.iter().map(|&(task, _)| task).chain(self.logs.iter().map(|&(task, _)| task));
        let place = || "external".to_owned();
        check(named.chain(others).all(|task| task < tasks), place, "there is no task of this number")?;
        check(
            self.epochs.iter().all(|&(_, attempt)| attempt < 1 << 31),
            place,
            "no attempt has this number",
        )?;
        let records = |them: Vec<RecordForm>| -> Vec<Record> { them.into_iter().map(record).collect() };
        let renamed = |(name, them)| (transaction(name), Arc::new(records(them)));
        let pending = |(name, them, until): (_, _, Option<Time>)| {
            let (records, until) = (Arc::new(records(them)), until.unwrap_or(NEVER));
            (transaction(name), Prepared { records, until })
        };
        let lost = |(name, records)| Expired { transaction: transaction(name), records, at: 0, asked: 0 };
        let mut external = External::default();
        external.epochs =
            self.epochs.into_iter().map(|(task, attempt)| (TaskId(task), Attempt(attempt))).collect();
        external.prepared = self.prepared.into_iter().map(pending).collect();
        external.committed = self.committed.into_iter().map(renamed).collect();
        external.lost = self.lost.into_iter().map(lost).collect();
        external.logs = self.logs.into_iter().map(|(task, them)| (TaskId(task), records(them))).collect();
        Ok(external)
    }
}
