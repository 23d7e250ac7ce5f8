//! The tasks of a backfill that nobody has in hand, and how much is left of all. Never knows how they are done.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::tick::Task;
use crate::units::Span;

/// How far the past is read, of all SLOs together. Nothing is left where nothing is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    pub slos: usize,
    pub total: Span,
    pub left: Span,
}

/// The tasks that nobody has in hand, each with how often in a row it failed, and how much is left of all.
pub struct Work(Mutex<Left>);

struct Left {
    tasks: Vec<(usize, Task)>,
    progress: Progress,
}

impl Work {
    pub fn new(tasks: Vec<Task>) -> Work {
        let total = tasks.iter().map(Task::remaining).fold(Span::ZERO, |sum, span| sum + span);
        let progress = Progress { slos: tasks.iter().map(Task::slos).sum(), total, left: total };
        Work(Mutex::new(Left { tasks: tasks.into_iter().map(|task| (0, task)).collect(), progress }))
    }

    fn lock(&self) -> MutexGuard<'_, Left> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the task with the newest piece, of those that failed least.
    pub fn newest(&self) -> Option<(usize, Task)> {
        let tasks = &mut self.lock().tasks;
        tasks.retain(|(_, task)| task.job().is_some());
        let order = |(failures, task): &(usize, Task)| {
            let newest = task.job().map_or(i64::MIN, |job| job.piece.to.as_millis());
            (*failures, -newest)
        };
        let found = (0..tasks.len()).min_by_key(|index| order(&tasks[*index]))?;
        Some(tasks.swap_remove(found))
    }

    pub fn put(&self, failures: usize, tasks: Vec<Task>) {
        self.lock().tasks.extend(tasks.into_iter().map(|task| (failures, task)));
    }

    pub fn progress(&self) -> Progress {
        self.lock().progress
    }

    /// Takes note of what was read.
    pub fn read(&self, read: Span) -> Progress {
        let mut left = self.lock();
        left.progress.left = left.progress.left - read;
        left.progress
    }
}
