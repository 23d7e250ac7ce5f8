//! The users of web.yml: who may come in by name and password. Passwords are compared with bcrypt, once for each user;
//! a user who came in before is known by a digest. Nothing here is ever shown.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::HeaderValue;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bcrypt::HashParts;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use crate::units::{Place, Problem};
use crate::yaml::Node;

/// bcrypt is slow by design; it has one core at most, and whoever is not known yet waits for it.
const AT_ONCE: usize = 1;

/// The costliest hash that is taken: 17 is some 8 s of a core.
const MAX_COST: u32 = 16;

/// Users and the hashes of their passwords.
pub struct Users {
    hashes: HashMap<Box<str>, Box<str>>,
    /// Of those who came in: a digest of their hash and their password.
    known: Mutex<HashMap<Box<str>, [u8; 32]>>,
    turns: Arc<Semaphore>,
}

/// What became of a try to come in.
#[derive(Debug, PartialEq, Eq)]
pub enum Entry {
    Open,
    /// Nobody said who they are.
    Unnamed,
    /// This user, with another password.
    WrongPassword(Box<str>),
    UnknownUser,
}

impl Users {
    /// The mapping of `basic_auth_users`; None without any user.
    pub fn read(node: &Node, problems: &mut Vec<Problem>) -> Option<Users> {
        let mut hashes = HashMap::new();
        for (name, hash, entry) in node.texts("basic_auth_users", problems) {
            match hash.parse::<HashParts>().map(|parts| parts.get_cost()) {
                Ok(..=MAX_COST) if !name.contains(':') => {
                    hashes.insert(name.into(), hash.into());
                }
                // Nothing of the hash is told: it may be a password that somebody took for one.
                result => {
                    let (what, remedy) = match result {
                        Ok(..=MAX_COST) => ("has a colon in the name", "choose a name without"),
                        Ok(_) => ("has a hash that takes too long", "write one with a cost of up to 16"),
                        Err(_) => ("has no bcrypt hash", "write what `htpasswd -nBC 10 NAME` prints after the colon"),
                    };
                    let place = Place { text: "".into(), ..entry.key.place.clone() };
                    problems
                        .push(Problem::error("basic_auth_users", format!("user {name:?} {what}"), remedy).at(&place));
                }
            }
        }
        let turns = Arc::new(Semaphore::new(AT_ONCE));
        (!hashes.is_empty()).then(|| Users { hashes, known: Mutex::default(), turns })
    }

    /// Whether who sends this `Authorization` may come in. An unknown user waits as long as one with a wrong password.
    pub async fn entry(&self, authorization: Option<&HeaderValue>) -> Entry {
        let Some((name, password)) = authorization.and_then(credentials) else { return Entry::Unnamed };
        let found = self.hashes.get(&*name);
        // Another user's hash stands in for the one that is not there: it takes as long.
        let Some(hash) = found.or(self.hashes.values().next()).cloned() else { return Entry::UnknownUser };
        let digest = digest(&hash, &password);
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if found.is_some() && known().get(&name) == Some(&digest) {
            return Entry::Open;
        }
        match (self.matches(password, hash).await, found) {
            (true, Some(_)) => {
                known().insert(name, digest);
                Entry::Open
            }
            (false, Some(_)) => Entry::WrongPassword(name),
            (_, None) => Entry::UnknownUser,
        }
    }

    /// Whether `password` is that of `hash`, when its turn comes.
    async fn matches(&self, password: Box<[u8]>, hash: Box<str>) -> bool {
        // Never closed; held until the work is done, also where nobody waits for it any more.
        let Ok(turn) = self.turns.clone().acquire_owned().await else { return false };
        let compared = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            bcrypt::verify(password, &hash).unwrap_or(false)
        });
        compared.await.unwrap_or(false)
    }
}

/// The name and the password of `Basic` credentials (RFC 7617).
fn credentials(authorization: &HeaderValue) -> Option<(Box<str>, Box<[u8]>)> {
    let (scheme, encoded) = authorization.to_str().ok()?.split_once(' ')?;
    let decoded = STANDARD.decode(encoded.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    Some((str::from_utf8(&decoded[..colon]).ok()?.into(), decoded[colon + 1..].into()))
}

fn digest(hash: &str, password: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(hash).chain_update([0]).chain_update(password).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::documents;

    fn read(text: &str) -> (Option<Users>, Vec<String>) {
        let (nodes, mut problems) = documents("web.yml", text);
        let users = Users::read(&nodes[0], &mut problems);
        assert!(!format!("{problems:?}").contains("s3cret"), "{problems:?}");
        (users, problems.iter().map(ToString::to_string).collect())
    }

    fn users() -> Users {
        let hash = bcrypt::hash("s3cret", 4).unwrap();
        read(&format!("ann: {hash}\nbob: {}", hash.replace("$2b$", "$2y$"))).0.unwrap()
    }

    fn basic(text: &str) -> HeaderValue {
        format!("Basic {}", STANDARD.encode(text)).parse().unwrap()
    }

    #[tokio::test]
    async fn lets_in_who_has_the_password_and_nobody_else() {
        let users = users();
        let check =
            async |text: &str, expected: Entry| assert_eq!(users.entry(Some(&basic(text))).await, expected, "{text}");
        check("ann:s3cret", Entry::Open).await;
        check("ann:s3cret", Entry::Open).await;
        check("bob:s3cret", Entry::Open).await;
        check("ann:other", Entry::WrongPassword("ann".into())).await;
        check("ann:", Entry::WrongPassword("ann".into())).await;
        check("eve:s3cret", Entry::UnknownUser).await;
        check("eve:s3cret", Entry::UnknownUser).await;
        check("s3cret", Entry::Unnamed).await;
        assert_eq!(users.entry(None).await, Entry::Unnamed);
        assert_eq!(users.entry(Some(&HeaderValue::from_static("Bearer s3cret"))).await, Entry::Unnamed);
    }

    #[tokio::test]
    async fn who_came_in_before_needs_no_turn() {
        let users = users();
        assert_eq!(users.entry(Some(&basic("ann:s3cret"))).await, Entry::Open);
        let _nobody_else = users.turns.clone().acquire_owned().await.unwrap();
        let again = basic("ann:s3cret");
        let entry = tokio::time::timeout(std::time::Duration::from_secs(5), users.entry(Some(&again))).await;
        assert_eq!(entry.ok(), Some(Entry::Open));
    }

    #[test]
    fn says_what_is_wrong_with_a_user_and_shows_no_secret() {
        let (none, problems) = read(
            "{ ann: s3cret, 'b:c': $2y$10$L6Bc/AlTQHyd9liGgGEZyOFLPHNgyxeEPfgYfBCVxJ7JIlwxyVU3u, \
                                      eve: $2y$31$L6Bc/AlTQHyd9liGgGEZyOFLPHNgyxeEPfgYfBCVxJ7JIlwxyVU3u }",
        );
        assert!(none.is_none());
        let expected = [
            "web.yml:1:3: user \"ann\" has no bcrypt hash; write what `htpasswd -nBC 10 NAME` prints after the colon",
            "web.yml:1:16: user \"b:c\" has a colon in the name; choose a name without",
            "web.yml:1:85: user \"eve\" has a hash that takes too long; write one with a cost of up to 16",
        ];
        assert_eq!(problems, expected);
    }
}
