//! A new plan over old accounts: what stays the same goes on, what is new starts, what is gone waits to be forgotten.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::ledger::account::{Book, booked_sides};
use crate::ledger::past::Past;
use crate::ledger::statement::Cells;
use crate::ledger::{Account, Cell, Changed, Ledger, Memory, Side, density};
use crate::plan::{Plan, Query, Question, Reading, Route, read_key};
use crate::promql::Selector;
use crate::slos::Slo;
use crate::units::{Problem, SloId, Span, Timestamp};

/// What is remembered of a query that nobody asks is dropped after this: by then its series would start anew anyway.
const PARKED: Span = Span::hours(24);

impl Ledger {
    /// Takes up a plan: each SLO finds its account or opens one, each query finds what is remembered of it.
    pub fn adopt(&mut self, previous: Option<&Plan>, plan: &Plan, now: Timestamp) -> (Changed, Vec<Problem>) {
        let mut changed = Changed::default();
        let problems = self.adopt_accounts(plan, now, &mut changed);
        self.adopt_memories(previous, plan, now, &mut changed);
        self.go_on_after_breaks(plan, &mut changed);
        self.open_beside_running_queries(plan, &mut changed);
        (changed, problems)
    }

    fn adopt_accounts(&mut self, plan: &Plan, now: Timestamp, changed: &mut Changed) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut known: HashMap<(SloId, String), usize> = HashMap::new();
        let mut declared: HashSet<SloId> = HashSet::new();
        let mut forgotten: Vec<usize> = Vec::new();
        for (number, account) in self.accounts.iter().enumerate() {
            if self.is_forgotten(number, plan, now) {
                forgotten.push(number);
                continue;
            }
            known.insert((account.id.clone(), account.fingerprint.clone()), number);
            if account.removed.is_none() {
                declared.insert(account.id.clone());
            }
        }
        self.account_of.clear();
        for planned in &plan.slos {
            let slo = &planned.slo;
            let number = *known.entry((slo.id.clone(), slo.sli.fingerprint())).or_insert_with(|| {
                if declared.contains(&slo.id) {
                    problems.push(counts_anew(slo));
                }
                let account = Account::opened(slo);
                let number = forgotten.pop().unwrap_or(self.accounts.len());
                match self.accounts.get_mut(number) {
                    Some(former) => *former = account.clone(),
                    None => self.accounts.push(account.clone()),
                }
                self.statement.forget_past(number);
                changed.accounts.insert(number, account);
                number
            });
            self.account_of.push(number);
        }
        let current: HashSet<usize> = self.account_of.iter().copied().collect();
        for (number, account) in self.accounts.iter_mut().enumerate() {
            let removed = if current.contains(&number) { None } else { account.removed.or(Some(now)) };
            if account.removed != removed {
                account.removed = removed;
                changed.accounts.insert(number, account.clone());
            }
        }
        problems
    }

    /// Whether an account was given up longer ago than anything is kept, and no row holds it: its number is free.
    fn is_forgotten(&self, number: usize, plan: &Plan, now: Timestamp) -> bool {
        let is_old = |removed: Timestamp| density(plan).step(now.since(removed)).is_none();
        let is_held = || Side::BOTH.into_iter().any(|side| self.statement.newest_cell(number, side).is_some());
        self.accounts[number].removed.is_some_and(is_old) && !is_held()
    }

    fn adopt_memories(&mut self, previous: Option<&Plan>, plan: &Plan, now: Timestamp, changed: &mut Changed) {
        let mut old = std::mem::take(&mut self.parked);
        let keys = previous.into_iter().flat_map(|plan| &plan.queries).map(Query::key);
        let memories = keys.zip(std::mem::take(&mut self.memories));
        old.extend(memories.filter_map(|(key, memory)| Some((key, memory?))));
        let relatives = Relatives::of(&old);
        let mut joined: HashSet<String> = HashSet::new();
        let keys: HashSet<String> = plan.queries.iter().map(Query::key).collect();
        let memories = plan.queries.iter().map(|query| {
            // Unless others counted on for its accounts meanwhile: then it takes over where those left each series.
            let is_ahead = |memory: &&Memory| self.booked(query).all(|booked| booked <= memory.watermark);
            let same = old.get(&query.key()).filter(is_ahead).cloned();
            let related = || {
                // Accounts go on from there; what was given up before that is none of this query's business.
                let booked = self.booked(query).min()?;
                let mut names = relatives.names(query);
                names.retain(|(name, _)| old[*name].watermark >= booked);
                let wider = names.iter().filter(|(_, is_wider)| *is_wider);
                let since = wider.map(|(name, _)| old[*name].since).min();
                let memories: Vec<&Memory> = names.iter().map(|(name, _)| &old[*name]).collect();
                // A wider one knows what is new. Narrower ones know only of some series, and all that comes after them
                // is read.
                let stood = memories.iter().map(|memory| memory.watermark).min()?;
                let memory = Memory::joined(&memories, since.unwrap_or(stood))?;
                joined.extend(names.into_iter().map(|(name, _)| name.to_string()));
                Some(memory)
            };
            // From the last on, for those before have counted up to there: what others missed meanwhile stays unmeasured.
            same.or_else(related).or_else(|| self.booked(query).max().map(Memory::starting))
        });
        self.memories = memories.collect();
        for (key, memory) in &old {
            let outlived = joined.contains(key) || memory.watermark + PARKED < now;
            if !keys.contains(key) && outlived {
                changed.queries.insert(key.clone(), None);
            }
        }
        old.retain(|key, _| !keys.contains(key) && !changed.queries.contains_key(key));
        self.parked = old;
    }

    /// Up to when each account that a query counts for is booked.
    fn booked(&self, query: &Query) -> impl Iterator<Item = Timestamp> {
        let sides = |route: &Route| {
            let account = &self.accounts[self.account_of[route.slo]];
            booked_sides(route.part).iter().filter_map(|side| account.sides[*side as usize].booked)
        };
        query.routes.iter().flat_map(sides)
    }

    /// An account whose SLO is back goes on where its query stands by now. What it held before becomes its past, and the
    /// time between is read from the source. A daemon that scrapes has no past: there it stays unmeasured.
    fn go_on_after_breaks(&mut self, plan: &Plan, changed: &mut Changed) {
        let mut broken: BTreeMap<usize, (Book, Vec<(Side, Timestamp)>)> = BTreeMap::new();
        for (query, memory) in plan.queries.iter().zip(&self.memories).filter(|_| !plan.pace.is_scraping) {
            let Some(watermark) = memory.as_ref().map(|memory| memory.watermark) else { continue };
            for route in &query.routes {
                let account = self.account_of[route.slo];
                for side in booked_sides(route.part) {
                    if self.accounts[account].side(*side).booked.is_some_and(|booked| booked < watermark) {
                        let book = self.book_of(plan, route.slo);
                        broken.entry(account).or_insert((book, Vec::new())).1.push((*side, watermark));
                    }
                }
            }
        }
        let mut cells = Cells::default();
        for (number, (book, sides)) in broken {
            let lines = self.statement.lines(&book);
            let estimated = book.opening.and_then(|opening| self.statement.known(number, opening).estimated);
            let account = &mut self.accounts[number];
            for (side, watermark) in sides {
                let balance = account.side(side);
                balance.booked = Some(watermark);
                cells.set(watermark, number, side, balance.cell());
            }
            account.opening = None;
            account.open();
            changed.accounts.insert(number, account.clone());
            if let Some(opening) = account.opening {
                let (past, days) = Past::before_a_break(opening, lines, estimated);
                self.statement.set_past(number, past);
                changed.pasts.extend(days.into_iter().map(|(day, packed)| ((number, day), Some(packed))));
            }
        }
        let rows = self.statement.fill(&cells);
        changed.rows.extend(rows.into_iter().map(|row| (row.at, row)));
    }

    /// A new account of a query that is answered already starts where the query stands: nothing lies between.
    fn open_beside_running_queries(&mut self, plan: &Plan, changed: &mut Changed) {
        let mut cells = Cells::default();
        for (query, memory) in plan.queries.iter().zip(&self.memories) {
            let Some(watermark) = memory.as_ref().map(|memory| memory.watermark) else { continue };
            for route in &query.routes {
                let account = self.account_of[route.slo];
                for side in booked_sides(route.part) {
                    let balance = self.accounts[account].side(*side);
                    if balance.booked.is_none() {
                        balance.booked = Some(watermark);
                        cells.set(watermark, account, *side, Cell { total: 0, measured: 0 });
                    }
                }
            }
        }
        for query in 0..plan.queries.len() {
            changed.accounts.extend(self.opened(plan, query));
        }
        let rows = self.statement.fill(&cells);
        changed.rows.extend(rows.into_iter().map(|row| (row.at, row)));
        for (index, query) in plan.queries.iter().enumerate() {
            if self.memories[index].is_some() {
                changed.queries.insert(query.key(), Some(self.packed(plan, index)));
            }
        }
    }
}

fn counts_anew(slo: &Slo) -> Problem {
    let what = format!("the SLI of {} changed", slo.id);
    let remedy = "it counts anew from now; write the old SLI to have the old counts back";
    Problem::note("sli_changed", what, remedy).at(&slo.place).about(&slo.id)
}

/// The queries that are remembered, by what they read: those that are wider or narrower than another can lend it
/// where their series stand.
struct Relatives<'a>(Vec<(Selector, Reading, &'a str)>);

impl<'a> Relatives<'a> {
    fn of(memories: &'a BTreeMap<String, Memory>) -> Relatives<'a> {
        let read = |key: &'a String| read_key(key).map(|(selector, reading)| (selector, reading, key.as_str()));
        Relatives(memories.keys().filter_map(read).collect())
    }

    /// Each with whether it reads all that `query` does.
    fn names(&self, query: &Query) -> Vec<(&'a str, bool)> {
        let Question::Raw { selector: own, reading: same, .. } = &query.question else { return Vec::new() };
        let related = |(selector, reading, name): &(Selector, Reading, &'a str)| {
            let is_wider = selector.extra(own).is_some();
            let is_related = reading == same && (is_wider || own.extra(selector).is_some());
            is_related.then_some((*name, is_wider))
        };
        self.0.iter().filter_map(related).collect()
    }
}
