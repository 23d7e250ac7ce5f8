//! The ledger's file: SQLite, one writer thread, one transaction per tick. Never knows what the bytes mean.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::{Builder, JoinHandle};

use rusqlite::{Connection, ErrorCode, Transaction, params};
use tokio::sync::oneshot;

use crate::ledger::{Account, Kept, KeptAccount};
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

/// Entries waiting for the writer; the daemon sends one at a time.
const QUEUE: usize = 4;

/// An entry that was not written, to be joined with the next.
#[derive(Debug)]
pub struct Failed {
    pub error: Error,
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

/// A handle to the ledger's file. One process holds it at a time.
pub struct Store {
    path: PathBuf,
    entries: mpsc::SyncSender<(Entry, oneshot::Sender<Written>)>,
    writer: JoinHandle<()>,
    _lock: File,
}

impl Store {
    /// Opens or makes the file, and reads all of it.
    pub fn open(path: &Path) -> Result<(Store, KeptState), Error> {
        let lock = lock(path)?;
        let mut connection = connect(path)?;
        let kept = read(&connection).map_err(|error| unreadable(path, error))?;
        let (entries, queue) = mpsc::sync_channel::<(Entry, oneshot::Sender<Written>)>(QUEUE);
        let name = path.to_path_buf();
        let write = move || {
            for (entry, done) in queue {
                let result = commit(&mut connection, &entry).map_err(|error| {
                    Box::new(Failed { error: Error::Commit { path: name.clone(), reason: error.to_string() }, entry })
                });
                // Nobody waits any more when the daemon was stopped meanwhile; the commit holds all the same.
                _ = done.send(result);
            }
            // The file is whole without this; it only spares the next start the write-ahead log.
            _ = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
        };
        let unwritable = |error: std::io::Error| Error::Unwritable { path: path.into(), reason: error.to_string() };
        let writer = Builder::new().name("ledger".into()).spawn(write).map_err(unwritable)?;
        Ok((Store { path: path.into(), entries, writer, _lock: lock }, kept))
    }

    /// Writes an entry, whole or not at all; it comes back where it was not.
    pub async fn commit(&self, entry: Entry) -> Written {
        let ended = |entry| {
            let error = Error::Commit { path: self.path.clone(), reason: "its writer has ended".into() };
            Box::new(Failed { error, entry })
        };
        let (done, written) = oneshot::channel();
        self.entries.send((entry, done)).map_err(|unsent| ended(unsent.0.0))?;
        // A writer that ends without a word has panicked: that is told where it ended, and nothing can be saved.
        written.await.unwrap_or_else(|_| Err(ended(Entry::default())))
    }

    /// Ends the writer after what it was given.
    pub fn close(self) {
        drop(self.entries);
        // A writer that panicked has told so already.
        _ = self.writer.join();
    }
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

fn read(connection: &Connection) -> Result<KeptState, rusqlite::Error> {
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
            .query_map([], |row| Ok((Timestamp::millis(row.get(0)?), row.get(1)?)))?
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
    Ok(KeptState { ledger, verdicts })
}

fn commit(connection: &mut Connection, entry: &Entry) -> Result<(), rusqlite::Error> {
    let transaction = connection.transaction()?;
    write(&transaction, entry)?;
    transaction.commit()
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
            assert_eq!((kept.verdicts, kept.ledger.pasts), (verdicts.to_vec(), pasts.into_iter().collect()));
            store.commit(entry).await.unwrap();
            store.close();
        }
        let layout = Connection::open(&path).unwrap();
        let layout: i64 = layout.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        assert_eq!(layout, LAYOUT);
    }
}
