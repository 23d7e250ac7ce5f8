//! No secret leaves the files it stands in.

use crate::notices::{OUTAGE, SOON, deliveries, shop, start};
use crate::stand::{Mailbox, Manner, Receiver, USER, eventually};

/// What stands in the secrets' files.
const SECRETS: [&str; 5] =
    ["kEy-of-the-signature", "pAssword-of-the-hook", "tOken-of-the-hook", "pAth-of-the-hook", "pAssword-of-mail"];

#[test]
fn no_log_line_error_answer_or_output_shows_a_secret() {
    let [key, basic, bearer, path, password] = SECRETS;
    let faults = [Manner::Answer(500), Manner::Redirect, Manner::CloseMidBody, Manner::Answer(403)];
    let (signed, known, hidden) = (Receiver::start(&faults), Receiver::start(&faults), Receiver::start(&faults));
    let mut mailbox = Mailbox::stopped("another one");
    mailbox.start();
    let notify = format!(
        "log: {{ level: debug }}\nnotify:\n\
         \x20 - {{ name: signed, webhook: {{ url: '{}', secret_file: key, basic_auth: {{ username: u, password_file: basic }} }} }}\n\
         \x20 - {{ name: known, webhook: {{ url: '{}', bearer_token_file: bearer }} }}\n\
         \x20 - {{ name: hidden, webhook: {{ url_file: url }} }}\n\
         \x20 - {{ name: wrong, webhook: {{ url_file: wrong }} }}\n\
         \x20 - {{ name: mail, email: {{ smtp: '{}', ca_file: '{}', username: {USER}, password_file: password, from: a@b, to: [c@d] }} }}",
        signed.url(),
        known.url(),
        mailbox.address(),
        mailbox.ca_file().display(),
    );
    let (service, mut daemon) = shop(&notify);
    for (name, text) in [("key", key), ("basic", basic), ("bearer", bearer), ("password", password)] {
        daemon.write(name, text);
    }
    daemon.write("url", &format!("{}/{path}", hidden.url()));
    daemon.write("wrong", &format!("ftp://127.0.0.1/{path}"));
    let (_, tested) = daemon.command(&["notify", "test"]);
    start(&mut daemon);
    service.flow(OUTAGE);
    let attempts = || -> Vec<u64> {
        ["signed", "known", "hidden", "wrong", "mail"]
            .map(|channel| deliveries(&daemon, channel).iter().map(|sent| sent["attempts"].as_u64().unwrap()).sum())
            .into()
    };
    eventually("every channel has failed", SOON, attempts, |attempts| attempts.iter().all(|attempts| *attempts >= 2));

    // They were really used.
    let sent = |receiver: &Receiver| format!("{:?}", receiver.posts());
    assert!(sent(&known).contains(bearer) && sent(&hidden).contains(path) && sent(&signed).contains("authorization"));

    let mut shown = vec![("log", daemon.output()), ("notify test", tested)];
    for path in ["/api/v1/notifications", "/api/v1/problems", "/api/v1/slos", "/api/v1/alerts", "/health", "/metrics"] {
        shown.push((path, daemon.answer(path).1));
    }
    shown.push(("check", daemon.command(&["check"]).1));
    shown.push(("the ledger", String::from_utf8_lossy(&std::fs::read(daemon.ledger()).unwrap()).into_owned()));
    for (place, text) in shown {
        for secret in SECRETS {
            assert!(!text.contains(secret), "{secret} in {place}:\n{text}");
        }
    }
}
