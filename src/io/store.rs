//! The ledger's file: SQLite, one writer thread, one transaction per tick. Never knows what the bytes mean.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread::{Builder, JoinHandle};

use rusqlite::{Connection, ErrorCode, OptionalExtension, Transaction, params};
use tokio::sync::oneshot;

use crate::ledger::{Account, Kept, KeptAccount, Row};
use crate::outbox::Delivery;
use crate::tick::{Entry, KeptState};
use crate::units::{SloId, Timestamp};

/// "burn" in ASCII: tells a ledger from other SQLite files.
const APPLICATION: i64 = 0x6275_726e;

/// The layout that this program writes.
const LAYOUT: i64 = 2;

/// What layout 2 has more than layout 1: what is known of accounts before they were opened, a value for each day.
const PASTS: &str = "
    CREATE TABLE pasts (account INTEGER NOT NULL, day INTEGER NOT NULL, packed BLOB NOT NULL, PRIMARY KEY (account, day)) WITHOUT ROWID;
";

const TABLES: &str = "
    CREATE TABLE accounts (number INTEGER PRIMARY KEY, service TEXT NOT NULL, slo TEXT NOT NULL, fingerprint TEXT NOT NULL, removed INTEGER, opening BLOB);
    CREATE TABLE rows (at INTEGER PRIMARY KEY, packed BLOB NOT NULL);
    CREATE TABLE queries (key TEXT PRIMARY KEY, packed BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE verdicts (service TEXT NOT NULL, slo TEXT NOT NULL, verdict TEXT NOT NULL, PRIMARY KEY (service, slo)) WITHOUT ROWID;
";

/// Notices on their way, as JSON. They are no part of what is counted, so they came to each layout without changing it.
const DELIVERIES: &str = "
    CREATE TABLE IF NOT EXISTS deliveries (channel TEXT NOT NULL, id TEXT NOT NULL, delivery TEXT NOT NULL, PRIMARY KEY (channel, id)) WITHOUT ROWID;
";

/// What is known of energy, as JSON in its only row. As with notices on their way, it changes no layout.
const ENERGY: &str = "
    CREATE TABLE IF NOT EXISTS energy (only INTEGER PRIMARY KEY CHECK (only = 1), known TEXT NOT NULL);
";

/// What waits for the writer; everybody who writes waits until it was written.
const QUEUE: usize = 4;

/// What is written at once, whole or not at all.
#[derive(Debug, Default)]
pub struct Commit {
    pub entry: Entry,
    /// Those that are there already stay as they are.
    pub queued: Vec<Delivery>,
    /// How deliveries stand now.
    pub sent: Vec<Delivery>,
    pub forgotten: Vec<Delivery>,
}

impl From<Entry> for Commit {
    fn from(entry: Entry) -> Commit {
        Commit { entry, ..Commit::default() }
    }
}

/// What the file holds.
#[derive(Debug)]
pub struct Contents {
    pub state: KeptState,
    /// In the order in which they were queued.
    pub deliveries: Vec<Delivery>,
    /// How many of them could not be read.
    pub unread: usize,
}

/// What was not written.
#[derive(Debug)]
pub struct Failed {
    pub error: Error,
    /// To be joined with the next.
    pub entry: Entry,
}

type Written = Result<(), Box<Failed>>;

/// Why the ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the ledger {path} is in use by process {pid}; stop that one, or choose another file with --state", path = path.display())]
    Locked { path: PathBuf, pid: String },
    #[error("the ledger {path} cannot be written: {reason}; make its directory writable for this user, or choose another file with --state", path = path.display())]
    Unwritable { path: PathBuf, reason: String },
    #[error("{path} is not a burnwatch ledger: {reason}; choose another file with --state, or move this one away", path = path.display())]
    NotALedger { path: PathBuf, reason: String },
    #[error("the ledger {path} has layout {found}, made by a newer burnwatch; this one knows layout {LAYOUT}: update it, or choose another file with --state", path = path.display())]
    Newer { path: PathBuf, found: i64 },
    #[error("the ledger {path} cannot be read: {reason}; restore it from a backup, or move it away to start anew", path = path.display())]
    Damaged { path: PathBuf, reason: String },
    #[error("nothing can be written to the ledger {path}: {reason}", path = path.display())]
    Commit { path: PathBuf, reason: String },
}

/// A handle to the ledger's file. One process holds it at a time; its last handle closes it.
#[derive(Clone)]
pub struct Store {
    path: PathBuf,
    // Dropped before the writer is waited for: it ends when nobody can send any more.
    commits: mpsc::SyncSender<(Commit, oneshot::Sender<Written>)>,
    _writer: Arc<Writer>,
}

/// The thread that writes. Whoever drops it last waits until all is written.
struct Writer {
    thread: Option<JoinHandle<()>>,
    _lock: File,
}

impl Drop for Writer {
    fn drop(&mut self) {
        // A writer that panicked has told so already.
        _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Store {
    /// Opens or makes the file, and reads all of it.
    pub fn open(path: &Path) -> Result<(Store, Contents), Error> {
        let lock = lock(path)?;
        let mut connection = connect(path)?;
        let contents = read(&connection).map_err(|error| unreadable(path, error))?;
        let (commits, queue) = mpsc::sync_channel::<(Commit, oneshot::Sender<Written>)>(QUEUE);
        let name = path.to_path_buf();
        let write = move || {
            for (asked, done) in queue {
                let result = commit(&mut connection, &asked).map_err(|error| {
                    let error = Error::Commit { path: name.clone(), reason: error.to_string() };
                    Box::new(Failed { error, entry: asked.entry })
                });
                // Nobody waits any more when the daemon was stopped meanwhile; the commit holds all the same.
                _ = done.send(result);
            }
            // The file is whole without this; it only spares the next start the write-ahead log.
            _ = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
        };
        let unwritable = |error: std::io::Error| Error::Unwritable { path: path.into(), reason: error.to_string() };
        let thread = Builder::new().name("ledger".into()).spawn(write).map_err(unwritable)?;
        let writer = Arc::new(Writer { thread: Some(thread), _lock: lock });
        Ok((Store { path: path.into(), commits, _writer: writer }, contents))
    }

    /// Writes what is asked, whole or not at all; its entry comes back where it was not.
    pub async fn commit(&self, asked: impl Into<Commit>) -> Written {
        let ended = |entry| {
            let error = Error::Commit { path: self.path.clone(), reason: "its writer has ended".into() };
            Box::new(Failed { error, entry })
        };
        let (done, written) = oneshot::channel();
        self.commits.send((asked.into(), done)).map_err(|unsent| ended(unsent.0.0.entry))?;
        // A writer that ends without a word has panicked: that is told where it ended, and nothing can be saved.
        written.await.unwrap_or_else(|_| Err(ended(Entry::default())))
    }

    /// Gives this handle back; the last one waits until all is written.
    pub fn close(self) {}
}

/// One process per file: the lock is on a file beside it, which names the holder.
fn lock(path: &Path) -> Result<File, Error> {
    let unwritable = |error: std::io::Error| Error::Unwritable { path: path.into(), reason: error.to_string() };
    let mut beside = path.as_os_str().to_owned();
    beside.push(".lock");
    let options = File::options().read(true).write(true).create(true).truncate(false).clone();
    let mut lock = options.open(&beside).map_err(unwritable)?;
    match lock.try_lock() {
        Ok(()) => {
            lock.set_len(0).map_err(unwritable)?;
            write!(lock, "{}", std::process::id()).map_err(unwritable)?;
            Ok(lock)
        }
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            _ = lock.rewind().and_then(|()| lock.read_to_string(&mut pid));
            Err(Error::Locked { path: path.into(), pid: if pid.is_empty() { "unknown".into() } else { pid } })
        }
        Err(TryLockError::Error(error)) => Err(unwritable(error)),
    }
}

fn connect(path: &Path) -> Result<Connection, Error> {
    let refused = |error| unreadable(path, error);
    let connection = Connection::open(path).map_err(refused)?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(refused)?;
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(refused);
    let (application, layout) = (pragma("application_id")?, pragma("user_version")?);
    if tables > 0 && application != APPLICATION {
        return Err(Error::NotALedger { path: path.into(), reason: "it holds something else".into() });
    }
    if layout > LAYOUT {
        return Err(Error::Newer { path: path.into(), found: layout });
    }
    connection.execute_batch("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;").map_err(refused)?;
    if tables == 0 {
        let make = format!(
            "BEGIN; PRAGMA application_id={APPLICATION}; PRAGMA user_version={LAYOUT}; {TABLES} {PASTS} COMMIT;"
        );
        connection.execute_batch(&make).map_err(refused)?;
    } else if layout < LAYOUT {
        let migrate = format!("BEGIN; {PASTS} PRAGMA user_version={LAYOUT}; COMMIT;");
        connection.execute_batch(&migrate).map_err(refused)?;
    }
    connection.execute_batch(DELIVERIES).map_err(refused)?;
    connection.execute_batch(ENERGY).map_err(refused)?;
    Ok(connection)
}

fn unreadable(path: &Path, error: rusqlite::Error) -> Error {
    let reason = error.to_string();
    let path = path.to_path_buf();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => Error::NotALedger { path, reason },
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::DiskFull) => {
            Error::Unwritable { path, reason }
        }
        _ => Error::Damaged { path, reason },
    }
}

fn read(connection: &Connection) -> Result<Contents, rusqlite::Error> {
    let (deliveries, unread) = read_deliveries(connection)?;
    Ok(Contents { state: read_state(connection)?, deliveries, unread })
}

fn read_state(connection: &Connection) -> Result<KeptState, rusqlite::Error> {
    let account = |row: &rusqlite::Row| {
        let removed: Option<i64> = row.get(3)?;
        Ok(KeptAccount {
            id: SloId::new(row.get::<_, String>(0)?, row.get::<_, String>(1)?),
            fingerprint: row.get(2)?,
            removed: removed.map(Timestamp::millis),
            opening: row.get(4)?,
        })
    };
    let accounts = "SELECT service, slo, fingerprint, removed, opening FROM accounts ORDER BY number";
    let verdict = |row: &rusqlite::Row| {
        Ok((SloId::new(row.get::<_, String>(0)?, row.get::<_, String>(1)?), row.get::<_, String>(2)?))
    };
    let ledger = Kept {
        accounts: connection.prepare(accounts)?.query_map([], account)?.collect::<Result<_, _>>()?,
        rows: connection
            .prepare("SELECT at, packed FROM rows ORDER BY at")?
            .query_map([], |row| {
                let at = Timestamp::millis(row.get(0)?);
                Ok((at, Row::unpacked(at, row.get_ref(1)?.as_blob()?)))
            })?
            .collect::<Result<_, _>>()?,
        queries: connection
            .prepare("SELECT key, packed FROM queries")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?,
        pasts: connection
            .prepare("SELECT account, day, packed FROM pasts")?
            .query_map([], |row| Ok(((row.get::<_, i64>(0)? as usize, row.get(1)?), row.get(2)?)))?
            .collect::<Result<_, _>>()?,
    };
    let verdicts = connection
        .prepare("SELECT service, slo, verdict FROM verdicts")?
        .query_map([], verdict)?
        .collect::<Result<_, _>>()?;
    let energy = connection.query_row("SELECT known FROM energy", [], |row| row.get(0)).optional()?;
    Ok(KeptState { ledger, verdicts, energy })
}

/// Deliveries as they were left, and how many could not be read.
fn read_deliveries(connection: &Connection) -> Result<(Vec<Delivery>, usize), rusqlite::Error> {
    let texts: Vec<String> = connection
        .prepare("SELECT delivery FROM deliveries")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut deliveries: Vec<Delivery> = texts.iter().filter_map(|text| serde_json::from_str(text).ok()).collect();
    deliveries.sort_by(|a, b| a.queued.cmp(&b.queued).then(a.notice.at.cmp(&b.notice.at)));
    let unread = texts.len() - deliveries.len();
    Ok((deliveries, unread))
}

fn commit(connection: &mut Connection, asked: &Commit) -> Result<(), rusqlite::Error> {
    let transaction = connection.transaction()?;
    write(&transaction, &asked.entry)?;
    write_deliveries(&transaction, asked)?;
    transaction.commit()
}

fn write_deliveries(transaction: &Transaction, asked: &Commit) -> Result<(), rusqlite::Error> {
    // Plain data always becomes JSON.
    let json = |delivery: &Delivery| serde_json::to_string(delivery).unwrap_or_default();
    let mut queued = transaction.prepare("INSERT OR IGNORE INTO deliveries VALUES (?, ?, ?)")?;
    for delivery in &asked.queued {
        queued.execute(params![delivery.channel, delivery.notice.id, json(delivery)])?;
    }
    let mut sent = transaction.prepare("INSERT OR REPLACE INTO deliveries VALUES (?, ?, ?)")?;
    for delivery in &asked.sent {
        sent.execute(params![delivery.channel, delivery.notice.id, json(delivery)])?;
    }
    let mut forgotten = transaction.prepare("DELETE FROM deliveries WHERE channel = ? AND id = ?")?;
    for delivery in &asked.forgotten {
        forgotten.execute(params![delivery.channel, delivery.notice.id])?;
    }
    Ok(())
}

fn write(transaction: &Transaction, entry: &Entry) -> Result<(), rusqlite::Error> {
    let mut account = transaction.prepare("INSERT OR REPLACE INTO accounts VALUES (?, ?, ?, ?, ?, ?)")?;
    for (number, Account { id, fingerprint, removed, opening, .. }) in &entry.ledger.accounts {
        let removed = removed.map(Timestamp::as_millis);
        let opening = opening.map(|opening| opening.packed());
        account.execute(params![*number as i64, id.service, id.slo, fingerprint, removed, opening])?;
    }
    let mut row = transaction.prepare("INSERT OR REPLACE INTO rows VALUES (?, ?)")?;
    for (at, lines) in &entry.ledger.rows {
        row.execute(params![at.as_millis(), lines.packed()])?;
    }
    let mut thinned = transaction.prepare("DELETE FROM rows WHERE at = ?")?;
    for at in &entry.ledger.thinned {
        thinned.execute([at.as_millis()])?;
    }
    let mut query = transaction.prepare("INSERT OR REPLACE INTO queries VALUES (?, ?)")?;
    let mut gone = transaction.prepare("DELETE FROM queries WHERE key = ?")?;
    for (key, packed) in &entry.ledger.queries {
        match packed {
            Some(packed) => query.execute(params![key, packed])?,
            None => gone.execute([key])?,
        };
    }
    let mut past = transaction.prepare("INSERT OR REPLACE INTO pasts VALUES (?, ?, ?)")?;
    let mut forgotten = transaction.prepare("DELETE FROM pasts WHERE account = ? AND day = ?")?;
    for ((account, day), packed) in &entry.ledger.pasts {
        match packed {
            Some(packed) => past.execute(params![*account as i64, day, packed])?,
            None => forgotten.execute(params![*account as i64, day])?,
        };
    }
    let mut verdict = transaction.prepare("INSERT OR REPLACE INTO verdicts VALUES (?, ?, ?)")?;
    for (id, json) in &entry.verdicts {
        verdict.execute(params![id.service, id.slo, json])?;
    }
    if let Some(energy) = &entry.energy {
        transaction.execute("INSERT OR REPLACE INTO energy VALUES (1, ?)", [energy])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::ledger::Changed;

    #[tokio::test]
    async fn a_ledger_of_the_first_layout_is_taken_up_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger.db");
        let first = Connection::open(&path).unwrap();
        let make = format!("PRAGMA application_id={APPLICATION}; PRAGMA user_version=1; {TABLES}");
        first.execute_batch(&make).unwrap();
        first.execute("INSERT INTO verdicts VALUES ('shop', 'availability', '{}')", []).unwrap();
        drop(first);

        let verdicts = [(SloId::new("shop", "availability"), "{}".to_string())];
        let past = Entry {
            ledger: Changed {
                pasts: [((0, 20_000), Some(vec![1, 2])), ((0, 19_999), None)].into(),
                ..Changed::default()
            },
            ..Entry::default()
        };
        for (pasts, entry) in [(vec![], past), (vec![((0, 20_000), vec![1, 2])], Entry::default())] {
            let (store, kept) = Store::open(&path).unwrap();
            assert_eq!(
                (kept.state.verdicts, kept.state.ledger.pasts),
                (verdicts.to_vec(), pasts.into_iter().collect())
            );
            store.commit(entry).await.unwrap();
            store.close();
        }
        let layout = Connection::open(&path).unwrap();
        let layout: i64 = layout.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        assert_eq!(layout, LAYOUT);
    }
}
